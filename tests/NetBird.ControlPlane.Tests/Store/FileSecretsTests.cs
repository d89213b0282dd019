using NetBird.ControlPlane.Store.Secrets;

namespace NetBird.ControlPlane.Tests.Store;

public sealed class FileSecretsTests : SharedSecretsContract, IDisposable
{
    private readonly TemporaryState _state = new();

    [SkippableFact]
    public async Task GetOrAdd_Writes_ForTheOwnerAlone()
    {
        if (OperatingSystem.IsWindows())
        {
            Skip.If(true, "Modes are POSIX.");
            return;
        }

        (await OpenAsync()).GetOrAdd("keys/a.key", () => [1]);

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(_state.Path, "keys", "a.key")));
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Path.Combine(_state.Path, "keys")));
    }

    public void Dispose() => _state.Dispose();

    internal override Task<ISharedSecrets> OpenAsync() => Task.FromResult<ISharedSecrets>(new FileSecrets(_state.Path));
}
