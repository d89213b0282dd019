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
    /// <summary>REJECT_AFTER_TIME of the WireGuard paper, section 6.1.</summary>
    private static readonly TimeSpan SessionLife = TimeSpan.FromSeconds(180);

    private readonly NetworkNamespace? _namespace;
    private readonly InterfaceClaim? _claim;
    private readonly RouteSocket _routes;
    private readonly WireGuardSocket _wireGuard;
    private readonly DriverInterface _interface;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;

    private KernelTunnel(
        string name, NetworkNamespace? networkNamespace, InterfaceClaim? claim, RouteSocket routes, WireGuardSocket wireGuard, TimeProvider time, ILogger logger)
    {
        (InterfaceName, _namespace, _claim, _routes, _wireGuard, _time, _logger) = (name, networkNamespace, claim, routes, wireGuard, time, logger);
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
        => _interface.NetworkChanged(state => new InterfaceChange { FirewallMark = state.FirewallMark, Peers = [.. MadeAnew(state)] });

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

    /// <summary>
    /// The kernel greets a peer once in 5 s at most (REKEY_TIMEOUT, drivers/net/wireguard/messages.h), and a try in vain counts: after
    /// an outage that outlasted the session (REJECT_AFTER_TIME) the next would come that late. A peer that is made anew has no try
    /// behind it, and its keepalive, from off to on, is the first.
    /// </summary>
    private IEnumerable<PeerChange> MadeAnew(InterfaceState state)
    {
        var now = _time.GetUtcNow();
        foreach (var (peer, secret) in state.Peers)
        {
            if (peer.PersistentKeepalive > TimeSpan.Zero && peer.Endpoint is not null && (peer.LastHandshake is not { } at || now - at > SessionLife))
            {
                yield return new PeerChange { PublicKey = peer.PublicKey, Remove = true };
                yield return PeerChange.From(new PeerConfiguration
                {
                    PublicKey = peer.PublicKey,
                    PresharedKey = secret,
                    Endpoint = peer.Endpoint,
                    AllowedIPs = peer.AllowedIPs,
                    PersistentKeepalive = peer.PersistentKeepalive,
                });
            }
        }
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
