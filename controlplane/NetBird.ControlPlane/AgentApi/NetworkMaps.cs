using NetBird.ControlPlane.Gateways;
using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Peers;
using NetBird.ControlPlane.Store;
using NetBird.Protocol.Agent.V1;
using Peer = NetBird.ControlPlane.Peers.Peer;

namespace NetBird.ControlPlane.AgentApi;

/// <summary>What an agent needs to know to bring its tunnel up: its own address, the gateways, who it is taken for.</summary>
internal sealed class NetworkMaps(ServeOptions options, IGatewayList gateways)
{
    // Bytes; as the tunnel's own default, which fits IPv6 over Ethernet.
    private const int Mtu = 1420;

    // Seconds. Routers forget silent UDP flows after 30 s and more.
    private const int Keepalive = 25;

    private const int GatewayHttpPort = 80;

    public NetworkMap For(Peer peer, Configuration configuration)
    {
        var user = configuration.Users[peer.User];
        var map = new NetworkMap
        {
            Version = configuration.Version,
            PeerId = peer.Id.Value,
            OverlayCidr = options.Overlay.ToString(),
            Mtu = Mtu,
            UserName = user.Name,
            UserEmail = user.Email,
            LoginExpiresAt = peer.LoginExpiresAt?.ToUnixTimeSeconds() ?? 0,
            AccountName = configuration.Settings.AccountName,
            EndpointName = configuration.Settings.EndpointName,
        };
        map.Addresses.Add(peer.OverlayAddress.ToString());
        map.GroupNames.AddRange(configuration.GroupsOf(peer)
            .Select(id => configuration.Groups[id].Name).Order(StringComparer.OrdinalIgnoreCase));
        map.Gateways.AddRange(gateways.For(peer, configuration).Select(gateway => new Protocol.Agent.V1.Gateway
        {
            PublicKey = gateway.PublicKey.ToString(),
            Endpoint = gateway.Endpoint,
            OverlayAddress = gateway.OverlayAddress.ToString(),
            HttpPort = GatewayHttpPort,
            PersistentKeepalive = Keepalive,
            AllowedIps = { gateway.OverlayAddress + "/32" },
        }));
        return map;
    }
}
