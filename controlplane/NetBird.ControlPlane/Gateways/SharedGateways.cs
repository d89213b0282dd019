using System.Security.Cryptography;
using System.Text;
using NetBird.ControlPlane.Peers;
using NetBird.ControlPlane.Store;

namespace NetBird.ControlPlane.Gateways;

/// <summary>
/// Every gateway that entered itself in the shared database. Those that are heard come first, in an order of each
/// peer's own, so that agents spread over them; the silent ones after them, since only the agent sees its own path.
/// </summary>
internal sealed class SharedGateways(GatewaySigns signs) : IGatewayList
{
    public event Action? Changed
    {
        add => signs.Changed += value;
        remove => signs.Changed -= value;
    }

    public IReadOnlyList<GatewayRecord> For(Peer peer, Configuration configuration)
        => [.. configuration.Gateways.Values
            .Where(gateway => gateway.Endpoint.Length > 0)
            .OrderBy(gateway => signs.IsAlive(gateway.Id) ? 0 : 1)
            .ThenBy(gateway => Weight(peer, gateway))
            .ThenBy(gateway => gateway.Id)];

    // Rendezvous hashing: a gateway more or less moves only the peers that are its share.
    private static ulong Weight(Peer peer, GatewayRecord gateway)
        => BitConverter.ToUInt64(SHA256.HashData(Encoding.ASCII.GetBytes($"{peer.Id}/{gateway.Id}")));
}
