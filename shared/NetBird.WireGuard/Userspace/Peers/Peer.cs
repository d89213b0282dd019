using System.Net;
using NetBird.Primitives;
using NetBird.WireGuard.Userspace.Noise;
using NetBird.WireGuard.Userspace.Sessions;
using NetBird.WireGuard.Userspace.Sockets;

namespace NetBird.WireGuard.Userspace.Peers;

/// <summary>
/// One peer: its keys, where it is, its sessions and what waits for one. The handshake side is guarded by one lock; the packet
/// path reads volatile fields only.
/// </summary>
internal sealed partial class Peer : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Engine _engine;
    private readonly PeerIdentity _identity;
    private readonly CookieJar _cookies;
    private readonly PeerTimers _timers;
    private volatile UdpEndpoint? _endpoint;
    private volatile IReadOnlyList<IPNetwork> _allowedIPs = [];
    private volatile int _persistentKeepaliveMs;
    private long _receivedBytes;
    private long _sentBytes;
    private long _lastHandshakeTicks;
    private volatile bool _removed;

    public Peer(Engine engine, PublicKey key)
    {
        _engine = engine;
        _identity = new PeerIdentity(engine.Identity, key);
        _cookies = new CookieJar(engine.Clock, _identity);
        _timers = new PeerTimers(this, engine.Clock);
    }

    public PublicKey PublicKey => _identity.PublicKey;

    public int PersistentKeepaliveMs => _persistentKeepaliveMs;

    /// <summary>What the peer owns; written by the routing table alone.</summary>
    public IReadOnlyList<IPNetwork> AllowedIPs
    {
        get => _allowedIPs;
        set => _allowedIPs = value;
    }

    /// <summary>Takes the configuration, allowed IPs excepted.</summary>
    public void Configure(PeerConfiguration configuration)
    {
        bool keepalive;
        lock (_gate)
        {
            _identity.SetPresharedKey(configuration.PresharedKey);
            if (configuration.Endpoint is { } endpoint)
            {
                _endpoint = new UdpEndpoint(endpoint);
            }

            var interval = (int)configuration.PersistentKeepalive.TotalMilliseconds;
            keepalive = interval > 0 && _persistentKeepaliveMs == 0;
            _persistentKeepaliveMs = interval;
        }

        if (keepalive)
        {
            SendKeepalive();
        }
    }

    public PeerStatus GetStatus()
    {
        var ticks = Interlocked.Read(ref _lastHandshakeTicks);
        return new PeerStatus(
            PublicKey,
            _endpoint?.ToIPEndPoint(),
            ticks == 0 ? null : new DateTimeOffset(ticks, TimeSpan.Zero),
            Interlocked.Read(ref _receivedBytes),
            Interlocked.Read(ref _sentBytes),
            _allowedIPs,
            TimeSpan.FromMilliseconds(_persistentKeepaliveMs));
    }

    /// <summary>The preshared key for whoever owns the interface, or null for none; the caller zeroes it.</summary>
    public byte[]? CopyPresharedKey()
    {
        lock (_gate)
        {
            return _identity.PresharedKey.ContainsAnyExcept((byte)0) ? _identity.PresharedKey.ToArray() : null;
        }
    }

    /// <summary>The next packets go out by whatever address of ours the routing table picks.</summary>
    public void ForgetSource() => _endpoint = _endpoint?.WithoutSource();

    /// <summary>The peer was removed, or the tunnel closes.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _removed = true;
            ClearSessionsLocked();
            ClearHandshakeLocked();
            ClearStagedLocked();
            _cookies.Clear();
        }

        _timers.Dispose();
        _identity.Dispose();
    }

    private void RoamTo(in DatagramSource from)
    {
        // The endpoint is where the last authenticated packet came from (section 2.1), with the address it was sent to.
        if (_endpoint is not { } known || !known.Matches(from.Address, from.Port, from.ScopeId, from.Local, from.LocalInterface))
        {
            _endpoint = from.ToEndpoint();
        }
    }

    private void RoamTo(UdpEndpoint from)
    {
        if (_endpoint is not { } known || !known.Matches(from))
        {
            _endpoint = from;
        }
    }
}
