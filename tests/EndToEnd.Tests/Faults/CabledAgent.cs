namespace EndToEnd.Tests.Faults;

/// <summary>Two hosts with an agent up between them, for tests that break the cable and mend it again.</summary>
public sealed class CabledAgent : IAsyncLifetime
{
    private TwoHosts? _hosts;

    internal TwoHosts Hosts => _hosts ?? throw new SkipException("needs root for network namespaces");

    internal string State { get; private set; } = "";

    public async Task InitializeAsync()
    {
        if (Environment.IsPrivilegedProcess)
        {
            _hosts = await TwoHosts.StartAsync();
            (State, _) = await _hosts.AddPersonAsync("ana@example.com", 8788);
        }
    }

    public async Task DisposeAsync()
    {
        if (_hosts is not null)
        {
            await _hosts.DisposeAsync();
        }
    }
}
