using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.Logging;
using NetBird.Primitives;
using NetBird.WireGuard.Userspace.Noise;
using NetBird.WireGuard.Userspace.Peers;
using NetBird.WireGuard.Userspace.Routing;
using NetBird.WireGuard.Userspace.Sessions;
using NetBird.WireGuard.Userspace.Sockets;

namespace NetBird.WireGuard.Userspace;

/// <summary>
/// WireGuard between a device of plain packets and a UDP socket. Packets run to completion on the thread that read them: the
/// device's threads seal and send, the socket's threads open and write, so nothing waits in a queue and order is kept. Where there are
/// more cores than such threads, they help with the arithmetic of a long train (<see cref="CipherTeam"/>).
/// Owns the device and the socket.
/// </summary>
internal sealed partial class Engine : IDatagramReceiver, IAsyncDisposable
{
    private readonly ILogger<Engine> _logger;
    private readonly IPacketDevice _device;
    private readonly ConcurrentDictionary<PublicKey, Peer> _peers = new();
    private readonly ConcurrentBag<OutboundTrain> _trains = [];
    private readonly AllowedIPs _allowedIPs = new();
    private readonly Lock _configuring = new();
    private volatile CookieIssuer _cookies;
    private readonly HandshakeRateLimiter _limiter;
    private readonly CookieBudget _cookieBudget;
    private readonly HandshakeQueue _handshakes;
    private CipherJob? _inboundJob;
    private int _inboundJobs;
    private bool _disposed;

    /// <param name="privateKey">Ours; copied.</param>
    /// <param name="device">The plain side.</param>
    /// <param name="socket">The outer side.</param>
    /// <param name="time">Clock for timers, and the wall clock for timestamps.</param>
    /// <param name="logging">Where it logs.</param>
    /// <param name="helpers">Threads that help with long trains; null takes what suits this machine.</param>
    public Engine(PrivateKey privateKey, IPacketDevice device, IUdpSocket socket, TimeProvider time, ILoggerFactory logging, int? helpers = null)
    {
        Cipher = new CipherTeam(helpers ?? CipherTeam.HelpersHere);
        _logger = logging.CreateLogger<Engine>();
        _device = device;
        Socket = socket;
        Clock = new EngineClock(time);
        Identity = new StaticIdentity(privateKey);
        _cookies = new CookieIssuer(Identity, Clock);
        _limiter = new HandshakeRateLimiter(Clock);
        _cookieBudget = new CookieBudget(Clock);
        _handshakes = new HandshakeQueue(Clock, HandleHandshake);
    }

    public StaticIdentity Identity { get; private set; }

    public EngineClock Clock { get; }

    public IUdpSocket Socket { get; private set; }

    public IndexTable Indices { get; } = new();

    public CipherTeam Cipher { get; }

    public EngineCounters Counters { get; } = new();

    public int Mtu => _device.Mtu;

    /// <summary>True when no handshake message waits or is being handled.</summary>
    public bool IsIdle => _handshakes.IsIdle;

    /// <summary>Begins to carry packets.</summary>
    public void Start()
    {
        Socket.Start(this);
        if (_device is IBatchingPacketDevice batching)
        {
            batching.Start(() => new OutboundTrain(this));
        }
        else
        {
            _device.Start(Send);
        }
    }

    public void SetPeer(PeerConfiguration configuration)
    {
        lock (_configuring)
        {
            // Sending to ourselves would be a loop; wireguard-go ignores such a peer too.
            if (_disposed || configuration.PublicKey == Identity.PublicKey)
            {
                return;
            }

            var peer = _peers.GetOrAdd(configuration.PublicKey, static (key, engine) => new Peer(engine, key), this);
            _allowedIPs.Set(peer, configuration.AllowedIPs);
            peer.Configure(configuration);
        }
    }

    public bool RemovePeer(PublicKey key)
    {
        lock (_configuring)
        {
            if (!_peers.TryRemove(key, out var peer))
            {
                return false;
            }

            _allowedIPs.Remove(peer);
            peer.Dispose();
            return true;
        }
    }

    public IReadOnlyList<PeerStatus> GetPeers() => [.. _peers.Values.Select(peer => peer.GetStatus())];

    public PublicKey? FindPeer(IPAddress address) => _allowedIPs.Find(address)?.PublicKey;

    /// <summary>
    /// Every peer that we talked with, or that we keep in touch with, gets a handshake at once. Not those with a session
    /// alone: after nine minutes without the network there is none, and the last try in vain would hold the next up for 5 s.
    /// </summary>
    public void NetworkChanged()
    {
        Socket.Rebind();
        foreach (var peer in _peers.Values)
        {
            if (peer.IsSought)
            {
                peer.StartHandshakeAtOnce();
            }
        }
    }

    /// <summary>After a suspend or a clock change, sessions may be dead at the other end: the next packet renews them.</summary>
    public void CheckForJump(long now)
    {
        if (Clock.HasJumped(now))
        {
            Log.ClockJumped(_logger);
            foreach (var peer in _peers.Values)
            {
                peer.DistrustSessions();
            }
        }
    }

    public void ReportUnanswered(Peer peer) => Log.Unanswered(_logger, peer.PublicKey.Fingerprint);

    public OutboundTrain RentTrain() => _trains.TryTake(out var train) ? train : new OutboundTrain(this);

    public void ReturnTrain(OutboundTrain train) => _trains.Add(train);

    public async ValueTask DisposeAsync()
    {
        lock (_configuring)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
        }

        await _device.DisposeAsync().ConfigureAwait(false);
        await Socket.DisposeAsync().ConfigureAwait(false);
        _handshakes.Dispose();
        Cipher.Dispose();
        foreach (var key in _peers.Keys)
        {
            RemovePeer(key);
        }

        _cookies.Dispose();
        Identity.Dispose();
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Engine + 1, LogLevel.Debug, "Peer {Peer} did not answer a handshake for 90 s")]
        public static partial void Unanswered(ILogger logger, string peer);

        [LoggerMessage(EventIds.Engine + 2, LogLevel.Information, "The clock jumped or the machine slept; sessions are renewed")]
        public static partial void ClockJumped(ILogger logger);

        [LoggerMessage(EventIds.Engine + 3, LogLevel.Warning, "A handshake message was dropped because handling it failed")]
        public static partial void HandshakeFailed(ILogger logger, Exception exception);
    }
}
