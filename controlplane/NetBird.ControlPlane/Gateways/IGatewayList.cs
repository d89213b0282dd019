using NetBird.ControlPlane.Peers;
using NetBird.ControlPlane.Store;

namespace NetBird.ControlPlane.Gateways;

/// <summary>The gateways that agents are told of: this process alone, or all that share a database.</summary>
internal interface IGatewayList
{
    /// <summary>In the order in which this peer should try them.</summary>
    IReadOnlyList<GatewayRecord> For(Peer peer, Configuration configuration);

    /// <summary>Raised when the answer may differ though the configuration does not.</summary>
    event Action? Changed;
}
