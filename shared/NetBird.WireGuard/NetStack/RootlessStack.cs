using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using NetBird.WireGuard.Userspace;

namespace NetBird.WireGuard.NetStack;

/// <summary>
/// TCP over IPv4 and IPv6, and echo, in this process: the plaintext side of the engine for
/// <see cref="TunnelKind.Rootless"/>. DESIGN.md in this folder says what is spoken and where the bounds are.
/// </summary>
internal sealed partial class RootlessStack : IBatchingPacketDevice, IOverlay
{
    // Ours: connections in any state at once; with the floor of the pool this bounds the stack's memory.
    private const int MaximumConnections = 16 * 1024;

    // Ours: payload held by all connections, 256 MiB.
    private const long MemoryLimit = 256L * 1024 * 1024;

    // RFC 6335 section 6, the dynamic ports.
    private const int FirstDynamicPort = 49152;
    private const int DynamicPorts = 65536 - FirstDynamicPort;

    private readonly ConcurrentDictionary<FlowKey, TcpEndpoint> _connections = new();
    private readonly ConcurrentDictionary<(OverlayAddress Address, int Port), OverlayListener> _listeners = new();
    private readonly ConcurrentQueue<TcpEndpoint> _toFlush = new();
    private readonly HashSet<OverlayAddress> _addresses;
    private readonly ILogger _logger;
    private readonly SelfDelivery _self;
    private readonly TcpSettings _settingsV4;
    private readonly TcpSettings _settingsV6;
    private readonly long _ticksPerMicrosecond;
    private static readonly TcpHeader NoSyn = new() { WindowScale = -1 };

    private readonly ConcurrentBag<OutboundTrain> _trains = [];
    private OutboundPacket? _outbound;
    private Func<OutboundTrain>? _openTrain;
    private int _faults;
    private bool _isDisposed;

    /// <param name="addresses">Overlay addresses of this end.</param>
    /// <param name="mtu">Largest packet in bytes, 1280 to 65535.</param>
    /// <param name="time">Clock for timers; at least 1 MHz.</param>
    /// <param name="logging">Where the stack logs.</param>
    /// <param name="settings">Changes the figures of connections; null keeps them.</param>
    public RootlessStack(
        IReadOnlyList<IPAddress> addresses, int mtu, TimeProvider time, ILoggerFactory logging, Func<TcpSettings, TcpSettings>? settings = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(mtu, 576);
        Mtu = mtu;
        Time = time;
        _ticksPerMicrosecond = Math.Max(1, time.TimestampFrequency / 1_000_000);
        _addresses = [.. addresses.Select(OverlayAddress.From)];
        _logger = logging.CreateLogger<RootlessStack>();
        _self = new SelfDelivery(packet => Write(packet), Flush);
        var change = settings ?? (s => s);
        _settingsV4 = change(new TcpSettings { MaximumSegment = mtu - 40 });
        _settingsV6 = change(new TcpSettings { MaximumSegment = mtu - 60 });
    }

    /// <inheritdoc/>
    public int Mtu { get; }

    public TimeProvider Time { get; }

    public BlockPool Pool { get; } = new(MemoryLimit);

    public InitialSequence Sequences { get; } = new();

    /// <summary>Microseconds of a monotonic clock.</summary>
    public long Now => Time.GetTimestamp() / _ticksPerMicrosecond;

    /// <summary>Connections in any state but closed.</summary>
    public int ConnectionCount => _connections.Count;

    /// <summary>Connections that ended by a mistake of this stack.</summary>
    public int Faults => _faults;

    /// <summary>Connections in states that are asked for.</summary>
    public int CountConnections(Func<TcpState, bool> isCounted) => _connections.Values.Count(e => isCounted(e.State));

    /// <inheritdoc/>
    public void Start(OutboundPacket outbound) => _outbound = outbound;

    /// <inheritdoc/>
    public void Start(Func<OutboundTrain> open) => _openTrain = open;

    /// <inheritdoc/>
    public void Write(ReadOnlySpan<byte> packet)
    {
        if (!IpPacket.TryParse(packet, out var ip))
        {
            return;
        }

        var to = OverlayAddress.Read(ip.Destination);
        if (!_addresses.Contains(to) || _isDisposed)
        {
            return;
        }

        var from = OverlayAddress.Read(ip.Source);
        switch (ip.Protocol)
        {
            case IpPacket.Tcp:
                OnTcp(in ip, from, to);
                break;
            case IpPacket.Icmp when !to.IsV6:
            case IpPacket.IcmpV6 when to.IsV6:
                OnIcmp(in ip, from, to);
                break;
            case IpPacket.Udp:
                SendPortUnreachable(packet, from, to);
                break;
        }
    }

    /// <inheritdoc/>
    public void Flush()
    {
        while (_toFlush.TryDequeue(out var endpoint))
        {
            endpoint.Flush();
        }
    }

    /// <inheritdoc/>
    public async ValueTask<Stream> ConnectAsync(IPEndPoint remote, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        cancellationToken.ThrowIfCancellationRequested();
        var endpoint = Open(OverlayAddress.From(remote.Address), (ushort)remote.Port);
        try
        {
            await endpoint.WaitUntilOpenAsync(cancellationToken).ConfigureAwait(false);
            return new TcpStream(endpoint);
        }
        catch (OperationCanceledException)
        {
            endpoint.Abort();
            throw;
        }
    }

    /// <inheritdoc/>
    public ValueTask<IOverlayListener> ListenAsync(IPEndPoint local, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        var address = OverlayAddress.From(local.Address);
        if (!_addresses.Contains(address))
        {
            throw new IOException(
                $"{local.Address} is not an overlay address of this end.", new SocketException((int)SocketError.AddressNotAvailable));
        }

        var first = local.Port == 0 ? FirstDynamicPort : local.Port;
        var last = local.Port == 0 ? FirstDynamicPort + DynamicPorts - 1 : local.Port;
        for (var port = first; port <= last; port++)
        {
            var listener = new OverlayListener(this, new IPEndPoint(local.Address, port));
            if (_listeners.TryAdd((address, port), listener))
            {
                return ValueTask.FromResult<IOverlayListener>(listener);
            }
        }

        throw new IOException(
            $"Port {local.Port} of {local.Address} is taken.", new SocketException((int)SocketError.AddressAlreadyInUse));
    }

    /// <summary>Resets every connection and stops.</summary>
    public async ValueTask DisposeAsync()
    {
        _isDisposed = true;
        foreach (var listener in _listeners.Values)
        {
            await listener.DisposeAsync().ConfigureAwait(false);
        }

        foreach (var endpoint in _connections.Values)
        {
            endpoint.Abort();
        }

        _outbound = null;
        _openTrain = null;
    }

    public TcpSettings SettingsFor(bool v6) => v6 ? _settingsV6 : _settingsV4;

    public void QueueFlush(TcpEndpoint endpoint) => _toFlush.Enqueue(endpoint);

    public void ReportFault(Exception e)
    {
        Interlocked.Increment(ref _faults);
        Log.Fault(_logger, e);
    }

    public void Remove(TcpEndpoint endpoint) => _connections.TryRemove(new(endpoint.Flow, endpoint));

    public void StopListening(OverlayListener listener)
        => _listeners.TryRemove(new((OverlayAddress.From(listener.LocalEndPoint.Address), listener.LocalEndPoint.Port), listener));

    private TcpEndpoint Open(OverlayAddress remote, ushort port)
    {
        var self = _addresses.Contains(remote) ? remote : _addresses.FirstOrDefault(a => a.IsV6 == remote.IsV6);
        if (self == default)
        {
            throw new IOException(
                $"This end has no overlay address of {remote}'s family.", new SocketException((int)SocketError.NetworkUnreachable));
        }

        if (!HasRoom())
        {
            throw new IOException("Too many connections through the tunnel.", new SocketException((int)SocketError.TooManyOpenSockets));
        }

        var start = Sequences.PortOffset(remote, port) + Random.Shared.Next(DynamicPorts);
        for (var i = 0; i < DynamicPorts; i++)
        {
            var local = (ushort)(FirstDynamicPort + ((start + i) & int.MaxValue) % DynamicPorts);
            var flow = new FlowKey(self, local, remote, port);
            if (!_connections.ContainsKey(flow) && !_listeners.ContainsKey((self, local)) && TryAdd(flow, null, in NoSyn) is { } endpoint)
            {
                return endpoint;
            }
        }

        throw new IOException($"No local port is free towards {remote}.", new SocketException((int)SocketError.AddressAlreadyInUse));
    }

    private TcpEndpoint? TryAdd(FlowKey flow, OverlayListener? listener, in TcpHeader syn)
    {
        var endpoint = new TcpEndpoint(this, flow, listener, in syn);
        if (!_connections.TryAdd(flow, endpoint))
        {
            return null;
        }

        endpoint.Start();
        return endpoint;
    }

    /// <summary>Room for one more connection; when full, those in TIME-WAIT give way.</summary>
    private bool HasRoom()
    {
        if (_connections.Count < MaximumConnections)
        {
            return true;
        }

        foreach (var endpoint in _connections.Values.Where(e => e.State == TcpState.TimeWait).Take(64).ToList())
        {
            endpoint.Abort();
        }

        Log.Full(_logger, MaximumConnections);
        return _connections.Count < MaximumConnections;
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.NetStack + 2, LogLevel.Error, "A connection of the rootless stack is reset by a fault of the stack")]
        public static partial void Fault(ILogger logger, Exception exception);

        [LoggerMessage(EventIds.NetStack + 1, LogLevel.Warning, "All {Limit} connections of the rootless stack are in use")]
        public static partial void Full(ILogger logger, int limit);
    }
}
