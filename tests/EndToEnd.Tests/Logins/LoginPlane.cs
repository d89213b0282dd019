using EndToEnd.Tests.ControlPlanes;

namespace EndToEnd.Tests.Logins;

/// <summary>A control plane whose people come from an issuer (or from its own), and the agents that log in to it.</summary>
internal sealed class LoginPlane : IAsyncDisposable
{
    private readonly string _agents = Directory.CreateTempSubdirectory("netbird-login-").FullName;
    private readonly Node _node;

    private LoginPlane(Node node) => _node = node;

    public Uri Url => _node.Url;

    public string StateDir => _node.StateDir;

    public string Log => _node.Log;

    /// <param name="issuer">Null for the embedded IdP.</param>
    /// <param name="environment">Of the control plane's process; to fake its clock.</param>
    public static async Task<LoginPlane> StartAsync(string? issuer, IReadOnlyDictionary<string, string?>? environment = null)
        => new(await Node.StartAsync(
            issuer is null ? [] : ["--oidc-issuer", issuer, "--oidc-client-id", "netbird-agent", "--oidc-groups-claim", "groups"], environment));

    /// <summary>How many machines are in the account.</summary>
    public async Task<int> PeersAsync() => (await _node.GetAsync("/api/peers")).GetArrayLength();

    /// <param name="environment">Of the agent's processes.</param>
    public LoginAgent Agent(IReadOnlyDictionary<string, string?>? environment = null) => new(Url, Path.Combine(_agents, Path.GetRandomFileName()), environment);

    public async ValueTask DisposeAsync()
    {
        await _node.DisposeAsync();
        Directory.Delete(_agents, recursive: true);
    }
}
