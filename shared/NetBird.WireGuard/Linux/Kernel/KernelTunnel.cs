using System.Net;
using System.Runtime.Versioning;
using Microsoft.Extensions.Logging;
using NetBird.Primitives;
using NetBird.WireGuard.Configuration;
using NetBird.WireGuard.Linux.Netlink;

namespace NetBird.WireGuard.Linux.Kernel;

/// <summary>The kernel's WireGuard, set up and read over netlink.</summary>
[SupportedOSPlatform("linux")]
internal sealed partial class KernelTunnel : ITunnel, IInterfaceControl
{
    private readonly NetworkNamespace? _namespace;
    private readonly InterfaceClaim? _claim;
    private readonly RouteSocket _routes;
    private readonly WireGuardSocket _wireGuard;
    private readonly DriverInterface _interface;
    private readonly ILogger _logger;

    private KernelTunnel(
        string name, NetworkNamespace? networkNamespace, InterfaceClaim? claim, RouteSocket routes, WireGuardSocket wireGuard, ILogger logger)
    {
        (InterfaceName, _namespace, _claim, _routes, _wireGuard, _logger) = (name, networkNamespace, claim, routes, wireGuard, logger);
        _interface = new DriverInterface(Read, change => wireGuard.Apply(name, change));
        Overlay = new KernelOverlay(networkNamespace, name, bound: networkNamespace is null);
    }

    public TunnelKind Kind => TunnelKind.Kernel;

    public string KindReason => "The kernel has WireGuard, which is the fastest.";

    public string InterfaceName { get; }

    public PublicKey PublicKey => _interface.PublicKey;

    public int ListenPort => _interface.ListenPort;

    public IOverlay Overlay { get; }

    public void SetPeer(PeerConfiguration peer) => _interface.SetPeer(peer);

    public bool RemovePeer(PublicKey peer) => _interface.RemovePeer(peer);

    public IReadOnlyList<PeerStatus> GetPeers() => _interface.GetPeers();

    public PublicKey? FindPeer(IPAddress innerAddress) => _interface.FindPeer(innerAddress);

    /// <summary>
    /// The kernel keeps no sockets to a lost network, but it does keep each peer's source address and route. Setting
    /// the mark drops those (drivers/net/wireguard/netlink.c, wg_set_device).
    /// </summary>
    public void NetworkChanged()
        => _interface.NetworkChanged(state => new InterfaceChange { FirewallMark = state.FirewallMark });

    public InterfaceState Read() => _wireGuard.Read(InterfaceName);

    public void Apply(InterfaceChange change) => _interface.Apply(change);

    public ValueTask DisposeAsync()
    {
        _interface.Close(() =>
        {
            try
            {
                if (_routes.FindLink(InterfaceName) is { } link)
                {
                    _routes.DeleteLink(link.Index);
                }
            }
            catch (NetlinkException e)
            {
                Log.NotRemoved(_logger, InterfaceName, e.Message);
            }

            Release();
        });
        return ValueTask.CompletedTask;
    }

    private void Release()
    {
        _wireGuard.Dispose();
        _routes.Dispose();
        _namespace?.Dispose();
        _claim?.Dispose();
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Netlink + 1, LogLevel.Information, "Interface {Name}, left behind by a process that ended early, is removed")]
        public static partial void LeftBehind(ILogger logger, string name);

        [LoggerMessage(EventIds.Netlink + 2, LogLevel.Warning, "Interface {Name} was not removed: {Reason}")]
        public static partial void NotRemoved(ILogger logger, string name, string reason);
    }
}
