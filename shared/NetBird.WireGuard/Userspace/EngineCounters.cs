namespace NetBird.WireGuard.Userspace;

/// <summary>What the engine dropped, by reason. Silence is the protocol's answer; these are ours.</summary>
internal sealed class EngineCounters
{
    private long _unrouted;
    private long _foreignSource;
    private long _malformed;
    private long _unauthenticated;
    private long _handshakesRefused;

    /// <summary>Packets to an address that no peer owns.</summary>
    public long Unrouted => Interlocked.Read(ref _unrouted);

    /// <summary>Authentic packets whose inner source belongs to another peer, or to none.</summary>
    public long ForeignSource => Interlocked.Read(ref _foreignSource);

    /// <summary>Datagrams and inner packets that are no such thing.</summary>
    public long Malformed => Interlocked.Read(ref _malformed);

    /// <summary>Messages under an unknown index, forged or replayed.</summary>
    public long Unauthenticated => Interlocked.Read(ref _unauthenticated);

    /// <summary>Handshake messages dropped for load: queue full, rate limited, or answered with a cookie.</summary>
    public long HandshakesRefused => Interlocked.Read(ref _handshakesRefused);

    public void CountUnrouted() => Interlocked.Increment(ref _unrouted);

    public void CountForeignSource() => Interlocked.Increment(ref _foreignSource);

    public void CountMalformed() => Interlocked.Increment(ref _malformed);

    public void CountUnauthenticated() => Interlocked.Increment(ref _unauthenticated);

    public void CountHandshakeRefused() => Interlocked.Increment(ref _handshakesRefused);
}
