using System.Net;
using System.Runtime.Versioning;
using Microsoft.Extensions.Logging;
using NetBird.Primitives;
using NetBird.WireGuard.Configuration;
using NetBird.WireGuard.Linux.Netlink;
using NetBird.WireGuard.Uapi;

namespace NetBird.WireGuard.Linux.External;

/// <summary>
/// A tunnel whose interface another program runs, set up over that program's UAPI socket. What the interface has to be is
/// kept here: a program that was away, or started anew, is given all of it again.
/// </summary>
[SupportedOSPlatform("linux")]
internal sealed partial class ExternalTunnel : ITunnel
{
    private readonly TunnelOptions _options;
    private readonly NetworkNamespace? _namespace;
    private readonly InterfaceClaim _claim;
    private readonly RouteSocket _routes;
    private readonly UapiClient _program;
    private readonly ExternalOverlay _overlay;
    private readonly PrivateKey _key;
    private readonly AddressOwners _owners = new();
    private readonly ILogger _logger;

    // One change at a time, so that the program and what we remember of it go the same way. Held while the program answers.
    private readonly Lock _change = new();
    private readonly Dictionary<PublicKey, PeerConfiguration> _peers = [];
    private readonly CancellationTokenSource _stopping = new();
    private Task _watching = Task.CompletedTask;
    private int _link;
    private volatile string? _problem;
    private bool _disposed;

    private ExternalTunnel(TunnelOptions options, NetworkNamespace? space, InterfaceClaim claim, RouteSocket routes)
    {
        (_options, _namespace, _claim, _routes) = (options, space, claim, routes);
        _program = new UapiClient(options.InterfaceName);
        _overlay = new ExternalOverlay(new KernelOverlay(space, options.InterfaceName, bound: true));
        Span<byte> raw = stackalloc byte[PrivateKey.Size];
        options.PrivateKey.Export(raw);
        _key = new PrivateKey(raw);
        System.Security.Cryptography.CryptographicOperations.ZeroMemory(raw);
        _logger = options.Logging.CreateLogger<ExternalTunnel>();
    }

    public TunnelKind Kind => TunnelKind.External;

    public string KindReason => $"Another program runs {InterfaceName}, as was asked for.";

    public string InterfaceName => _options.InterfaceName;

    public PublicKey PublicKey => _key.PublicKey;

    public int ListenPort { get; private set; }

    public IOverlay Overlay => _overlay;

    public string? Problem => _problem;

    public void SetPeer(PeerConfiguration peer)
    {
        ArgumentNullException.ThrowIfNull(peer);
        lock (_change)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _peers[peer.PublicKey] = peer;
            FollowLocked(new InterfaceChange { Peers = [PeerChange.From(peer)] });
        }
    }

    public bool RemovePeer(PublicKey peer)
    {
        lock (_change)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            var known = _peers.Remove(peer);
            FollowLocked(new InterfaceChange { Peers = [new PeerChange { PublicKey = peer, Remove = true }] });
            return known;
        }
    }

    /// <summary>As the program tells it; while it does not answer, what it was told to have.</summary>
    public IReadOnlyList<PeerStatus> GetPeers()
    {
        try
        {
            using var state = _program.Read();
            return [.. state.Peers.Select(peer => peer.Status)];
        }
        catch (IOException)
        {
            lock (_change)
            {
                return [.. _peers.Values.Select(peer =>
                    new PeerStatus(peer.PublicKey, null, null, 0, 0, peer.AllowedIPs, peer.PersistentKeepalive))];
            }
        }
    }

    public PublicKey? FindPeer(IPAddress innerAddress)
    {
        ArgumentNullException.ThrowIfNull(innerAddress);
        return _owners.Find(innerAddress);
    }

    /// <summary>The program has the outer sockets and watches the network itself; we look after it at once.</summary>
    public void NetworkChanged() => Look();

    /// <summary>Takes back what it gave the interface: peers, key, address and route. The interface stays, it is not ours.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_change)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
        }

        await _stopping.CancelAsync().ConfigureAwait(false);
        await _watching.ConfigureAwait(false);
        try
        {
            _program.Apply(new InterfaceChange { ReplacePeers = true, RemovePrivateKey = true });
            TakeBackAddresses();
        }
        catch (IOException e)
        {
            Log.NotTakenBack(_logger, InterfaceName, e.Message);
        }

        Release();
    }

    /// <summary>
    /// Tells the program of a change. While it is away it is told nothing: it gets everything when it is back, and until
    /// then no packet passes, so that a removed peer has no way in either.
    /// </summary>
    private void FollowLocked(InterfaceChange change)
    {
        _owners.Follow(change);
        if (_problem is not null)
        {
            return;
        }

        try
        {
            _program.Apply(change);
        }
        catch (IOException e)
        {
            FailedLocked(e.Message);
        }
    }

    private void Release()
    {
        _key.Dispose();
        _stopping.Dispose();
        _routes.Dispose();
        _claim.Dispose();
        _namespace?.Dispose();
    }
}
