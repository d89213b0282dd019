namespace NetBird.WireGuard.NetStack;

/// <summary>States of RFC 9293 section 3.3.2. LISTEN is <see cref="OverlayListener"/>, not a connection.</summary>
internal enum TcpState
{
    Closed,
    SynSent,
    SynReceived,
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    TimeWait,
}

/// <summary>Why a connection ended otherwise than by FIN in both directions.</summary>
internal enum TcpFailure
{
    None,
    Refused,
    Reset,
    TimedOut,
    Unreachable,
    Aborted,
}
