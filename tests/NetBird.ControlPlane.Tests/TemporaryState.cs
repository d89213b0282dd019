using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using NetBird.ControlPlane.Store;

namespace NetBird.ControlPlane.Tests;

/// <summary>A state directory of one test, removed with it.</summary>
internal sealed class TemporaryState : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("netbird-cp-test-").FullName;

    public FakeTimeProvider Time { get; } = new(new(2026, 11, 1, 12, 0, 0, TimeSpan.Zero));

    public async Task<ConfigurationStore> OpenAsync() => (await OpenStateAsync()).Configuration;

    public Task<AccountState> OpenStateAsync()
        => AccountState.OpenAsync(Path, null, Time, NullLoggerFactory.Instance, CancellationToken.None);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
