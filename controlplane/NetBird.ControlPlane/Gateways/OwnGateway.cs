using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Peers;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Tunnels;

namespace NetBird.ControlPlane.Gateways;

/// <summary>One process is everything: the gateway is ours.</summary>
internal sealed class OwnGateway(ServeOptions options, GatewayKey key, TunnelHost tunnel) : IGatewayList
{
    // The tunnel is up before anything is served, and keeps its port.
    private readonly GatewayRecord[] _only =
    [
        new()
        {
            Id = GatewayRecord.IdOf(key.Public),
            Name = Environment.MachineName,
            PublicKey = key.Public,
            OverlayAddress = OverlayAddresses.GatewayOf(options.Overlay),
            Overlay = options.Overlay.ToString(),
            Endpoint = options.WireGuardEndpoint ?? $":{tunnel.ListenPort}",
        },
    ];

    public event Action? Changed
    {
        add
        {
            // It never changes while we run.
        }

        remove
        {
        }
    }

    public IReadOnlyList<GatewayRecord> For(Peer peer, Configuration configuration) => _only;
}
