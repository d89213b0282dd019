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
    private readonly AddressOwners _owners = new();
    private readonly ILogger _logger;

    // One change at a time, so that the kernel and what we remember of it go the same way.
    private readonly Lock _change = new();
    private bool _disposed;

    private KernelTunnel(
        string name, NetworkNamespace? networkNamespace, InterfaceClaim? claim, RouteSocket routes, WireGuardSocket wireGuard, ILogger logger)
    {
        (InterfaceName, _namespace, _claim, _routes, _wireGuard, _logger) = (name, networkNamespace, claim, routes, wireGuard, logger);
        Overlay = new KernelOverlay(networkNamespace, name);
    }

    public TunnelKind Kind => TunnelKind.Kernel;

    public string KindReason => "The kernel has WireGuard, which is the fastest.";

    public string InterfaceName { get; }

    public PublicKey PublicKey { get; private set; }

    public int ListenPort { get; private set; }

    public IOverlay Overlay { get; }

    public void SetPeer(PeerConfiguration peer)
    {
        ArgumentNullException.ThrowIfNull(peer);
        Apply(new InterfaceChange { Peers = [PeerChange.From(peer)] });
    }

    public bool RemovePeer(PublicKey peer)
    {
        lock (_change)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            var known = _owners.Contains(peer);
            ApplyLocked(new InterfaceChange { Peers = [new PeerChange { PublicKey = peer, Remove = true }] });
            return known;
        }
    }

    public IReadOnlyList<PeerStatus> GetPeers()
    {
        using var state = Read();
        return [.. state.Peers.Select(peer => peer.Status)];
    }

    public PublicKey? FindPeer(IPAddress innerAddress)
    {
        ArgumentNullException.ThrowIfNull(innerAddress);
        return _owners.Find(innerAddress);
    }

    /// <summary>
    /// The kernel keeps no sockets to a lost network, but it does keep each peer's source address and route. Setting
    /// the mark drops those (drivers/net/wireguard/netlink.c, wg_set_device).
    /// </summary>
    public void NetworkChanged()
    {
        lock (_change)
        {
            if (_disposed)
            {
                return;
            }

            using var state = Read();
            ApplyLocked(new InterfaceChange { FirewallMark = state.FirewallMark });
            foreach (var change in KeepalivePoke.For(state.Peers.Select(peer => peer.Status)))
            {
                ApplyLocked(change);
            }
        }
    }

    public InterfaceState Read() => _wireGuard.Read(InterfaceName);

    public void Apply(InterfaceChange change)
    {
        lock (_change)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            ApplyLocked(change);
        }
    }

    public ValueTask DisposeAsync()
    {
        lock (_change)
        {
            if (_disposed)
            {
                return ValueTask.CompletedTask;
            }

            _disposed = true;
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
        }

        return ValueTask.CompletedTask;
    }

    private void ApplyLocked(InterfaceChange change)
    {
        try
        {
            _wireGuard.Apply(InterfaceName, change);
        }
        catch
        {
            // Part of it may have been done: the kernel says which.
            using var state = Read();
            _owners.Replace(state.Peers.Select(peer => peer.Status));
            throw;
        }

        _owners.Follow(change);
        if (change.PrivateKey is not null || change.RemovePrivateKey || change.ListenPort is not null)
        {
            RememberInterface();
        }
    }

    private void RememberInterface()
    {
        using var state = Read();
        ListenPort = state.ListenPort;
        PublicKey = state.PrivateKey?.PublicKey ?? default;
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
