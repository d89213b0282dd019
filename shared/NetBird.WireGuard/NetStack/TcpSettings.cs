namespace NetBird.WireGuard.NetStack;

/// <summary>
/// Figures of a connection. Times are microseconds. Where a figure is ours and not a standard's, it says so.
/// </summary>
internal sealed record TcpSettings
{
    /// <summary>What we announce and send at most: MTU less 40 or 60 (RFC 9293 section 3.7.1).</summary>
    public required int MaximumSegment { get; init; }

    /// <summary>First receive window; ours. Ten segments of an initial window fit several times.</summary>
    public int InitialReceiveWindow { get; init; } = 64 * 1024;

    /// <summary>The receive window grows to this while the application keeps up; ours.</summary>
    public int MaximumReceiveWindow { get; init; } = 4 * 1024 * 1024;

    /// <summary>Unsent and unacknowledged bytes taken from the application at once; ours.</summary>
    public int MinimumSendBuffer { get; init; } = 64 * 1024;

    /// <summary>The send buffer follows the congestion window up to this; ours.</summary>
    public int MaximumSendBuffer { get; init; } = 4 * 1024 * 1024;

    /// <summary>Below the 500 ms of RFC 9293 section 3.8.6.3; ours, as Linux's least.</summary>
    public long DelayedAck { get; init; } = 40_000;

    /// <summary>2 MSL. RFC 9293 section 3.4.2 leaves MSL to the engineer; 30 s here, as Linux.</summary>
    public long TimeWait { get; init; } = 60_000_000;

    /// <summary>
    /// Silence before a keepalive; zero sends none. Ours: the standard's two hours (RFC 9293 section 3.8.4) are
    /// a default for hosts, and a peer of this overlay that vanished must not hold a stream for so long.
    /// </summary>
    public long KeepaliveIdle { get; init; } = 120_000_000;

    /// <summary>Between keepalives that go unanswered; ours.</summary>
    public long KeepaliveInterval { get; init; } = 15_000_000;

    /// <summary>Unanswered keepalives after which the connection is dead; ours.</summary>
    public int KeepaliveProbes { get; init; } = 6;

    /// <summary>R2 of RFC 9293 section 3.8.3, which asks for at least 100 s.</summary>
    public long UserTimeout { get; init; } = 120_000_000;

    /// <summary>R2 for SYN, at least 3 minutes (RFC 9293 section 3.8.3); callers give up sooner by cancelling.</summary>
    public long ConnectTimeout { get; init; } = 180_000_000;

    /// <summary>How long a SYN-RECEIVED from a listener is kept; ours.</summary>
    public long AcceptTimeout { get; init; } = 60_000_000;

    /// <summary>How long a disposed connection may flush, and wait for the other side's FIN; ours.</summary>
    public long Linger { get; init; } = 120_000_000;
}
