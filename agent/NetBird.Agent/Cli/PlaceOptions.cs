using System.CommandLine;
using NetBird.Agent.Endpoint;
using NetBird.Protocol.Daemon.V1;

namespace NetBird.Agent.Cli;

/// <summary>Where the agent listens and what carries its tunnel: what <c>up</c> keeps, and a service that enrols by itself begins with.</summary>
internal sealed class PlaceOptions
{
    private readonly Option<string?> _endpoint = CommonOptions.Text("--endpoint", "Where Claude Code finds the agent. Default 127.0.0.1:8788.", "ADDR:PORT");
    private readonly Option<string?> _httpsEndpoint = CommonOptions.Text("--https-endpoint", "Where the https form listens once the account has a name for it. Default 127.0.87.88:443, or port 8743 where 443 is for root alone.", "ADDR:PORT");
    private readonly Option<string?> _tunnel = CommonOptions.Text("--tunnel", "auto, kernel, userspace or rootless. Default auto: the best that works here.", "KIND");
    private readonly Option<string?> _namespace = CommonOptions.Text("--tunnel-namespace", "own keeps the tunnel where no other program can use it; host puts it beside the other interfaces. Default own.", "own|host");

    public PlaceOptions()
    {
        _tunnel.AcceptOnlyFromAmong("auto", "kernel", "userspace", "rootless");
        _namespace.AcceptOnlyFromAmong("own", "host");
    }

    public void AddEndpoints(Command command)
    {
        command.Add(_endpoint);
        command.Add(_httpsEndpoint);
    }

    public void AddTunnel(Command command)
    {
        command.Add(_tunnel);
        command.Add(_namespace);
    }

    public void ReadEndpoints(ParseResult parsed, UpRequest into)
    {
        into.Endpoint = parsed.GetValue(_endpoint) ?? "";
        into.HttpsEndpoint = parsed.GetValue(_httpsEndpoint) ?? "";
    }

    public void ReadTunnel(ParseResult parsed, UpRequest into)
    {
        into.Tunnel = parsed.GetValue(_tunnel) ?? "";
        into.TunnelNamespace = parsed.GetValue(_namespace) ?? "";
    }

    /// <summary>What is wrong with an address of it; null for nothing.</summary>
    public static string? Problem(UpRequest request)
    {
        foreach (var (option, address) in new[] { ("--endpoint", request.Endpoint), ("--https-endpoint", request.HttpsEndpoint) })
        {
            if (address.Length != 0 && LoopbackAddress.TryParse(option, address, out var wrong) is null)
            {
                return wrong;
            }
        }

        return null;
    }
}
