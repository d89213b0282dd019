namespace NetBird.WireGuard.NetStack;

/// <summary>Takes a segment that leaves: the header without ports, and bytes of a buffer as its payload.</summary>
internal delegate void SegmentOutput(in TcpHeader header, BlockBuffer? payload, long position, int length);

/// <summary>
/// The state machine of one connection: RFC 9293 with the options and the loss recovery that this folder's
/// DESIGN.md lists. It is driven: segments, the application's calls and time come in, segments go out through
/// a <see cref="SegmentOutput"/>, and <see cref="NextDeadline"/> says when <see cref="OnTimer"/> is due. No
/// threads, no clock, no I/O; the owner holds a lock around every member. After members that take the time,
/// the owner calls <see cref="Output"/>. Times are microseconds of a monotonic clock; sequence numbers are
/// 64-bit positions whose low 32 bits are what the wire carries, so they never wrap here.
/// </summary>
internal sealed partial class TcpConnection
{
    private const long Never = long.MaxValue;

    // Positions start here, so that those before the initial sequence number are not negative.
    private const long Epoch = 1L << 32;

    // RFC 9293 section 3.7.1: what a peer that sends no MSS option takes, for IPv4; 1220 for IPv6.
    private const int DefaultMss = 536;
    private const int MinimumMss = 88;

    private readonly TcpSettings _settings;
    private readonly BlockPool _pool;
    private readonly SegmentOutput _output;
    private readonly bool _isPassive;
    private readonly long _initialSend;
    private readonly uint _timestampOffset;
    private readonly sbyte _ownScale;

    private bool _isDetached;
    private bool _isFinQueued;
    private bool _isFinSent;
    private bool _isFinReceived;
    private long _peerFin = -1;

    private TcpConnection(
        TcpSettings settings, BlockPool pool, SegmentOutput output, uint initialSequence, uint timestampOffset, bool isPassive)
    {
        _settings = settings;
        _pool = pool;
        _output = output;
        _isPassive = isPassive;
        _timestampOffset = timestampOffset;
        _initialSend = Epoch + initialSequence;
        _unacknowledged = _initialSend;
        _next = _initialSend;
        _sendEnd = _initialSend + 1;
        _send = new BlockBuffer(pool, _sendEnd);
        _receive = new ReceiveBuffer(pool, 0);
        _receiveCapacity = settings.InitialReceiveWindow;
        _mss = Math.Min(DefaultMss, settings.MaximumSegment);
        _congestion = new CubicWindow(_mss, settings.MaximumSendBuffer);
        while ((settings.MaximumReceiveWindow >> _ownScale) > ushort.MaxValue)
        {
            _ownScale++;
        }
    }

    public TcpState State { get; private set; }

    public TcpFailure Failure { get; private set; }

    /// <summary>True once the handshake was completed, whatever came after.</summary>
    public bool WasEstablished { get; private set; }

    /// <summary>True when a read would not wait: bytes, the end, or an error.</summary>
    public bool CanRead => _receive.Available > 0 || _isFinReceived || State == TcpState.Closed;

    /// <summary>True when a write is worth trying: a quarter of the buffer is free, or there is an error to tell.</summary>
    public bool CanWrite => 4 * SendRoom >= SendCapacity || State == TcpState.Closed;

    /// <summary>Blocks of payload memory held now.</summary>
    public int HeldBlocks => _send.HeldBlocks + _receive.HeldBlocks;

    /// <summary>Whether windows are scaled: both SYNs offered it (RFC 7323 section 2.2).</summary>
    public bool IsScaled => _hasScale;

    /// <summary>Bytes that can be read now.</summary>
    public long ReadableBytes => _receive.Available;

    /// <summary>Above it losses were seen: moves with each that is taken for congestion.</summary>
    public long SlowStartThreshold => _congestion.SlowStartThreshold;

    /// <summary>Prepares a SYN: the active OPEN of RFC 9293 section 3.10.1.</summary>
    public static TcpConnection Connect(
        TcpSettings settings, BlockPool pool, SegmentOutput output, uint initialSequence, uint timestampOffset, long now)
    {
        var connection = new TcpConnection(settings, pool, output, initialSequence, timestampOffset, isPassive: false)
        {
            State = TcpState.SynSent,
        };
        connection._giveUpAt = now + settings.ConnectTimeout;
        return connection;
    }

    /// <summary>Prepares the answer to a SYN that a listener got: RFC 9293 section 3.10.7.2, third.</summary>
    public static TcpConnection Accept(
        TcpSettings settings, BlockPool pool, SegmentOutput output, uint initialSequence, uint timestampOffset, in TcpHeader syn, long now)
    {
        var connection = new TcpConnection(settings, pool, output, initialSequence, timestampOffset, isPassive: true)
        {
            State = TcpState.SynReceived,
        };
        connection._giveUpAt = now + settings.AcceptTimeout;
        connection.TakeSyn(in syn, now);
        return connection;
    }

    /// <summary>Sends the first segment; the owner can be found by its answer now.</summary>
    public void Start(long now) => SendSyn(now);

    /// <summary>Copies received bytes out.</summary>
    /// <returns>Bytes copied. Zero: nothing now; <see cref="IsReadEnded"/> tells whether ever.</returns>
    public int Read(Span<byte> destination, long now)
    {
        var count = _receive.Read(destination);
        if (count > 0)
        {
            GrowReceiveWindow(count, now);
            if (IsWindowUpdateDue)
            {
                _isAckDue = true;
            }
        }

        return count;
    }

    /// <summary>True when everything was read and no more will come.</summary>
    public bool IsReadEnded => _receive.Available == 0 && (_isFinReceived || State == TcpState.Closed);

    /// <summary>True when the end was orderly: the peer's FIN came.</summary>
    public bool IsReadComplete => _isFinReceived;

    /// <summary>True when writes can still be taken.</summary>
    public bool IsWritable => !_isFinQueued && !_isDetached && State != TcpState.Closed;

    /// <summary>Takes bytes to send, as many as there is room for.</summary>
    public int Write(ReadOnlySpan<byte> data)
    {
        if (!IsWritable)
        {
            return 0;
        }

        var count = _send.Write(_sendEnd, data[..(int)Math.Min(data.Length, Math.Max(0, SendRoom))]);
        _sendEnd += count;
        _isMoreComing = count < data.Length;
        return count;
    }

    /// <summary>Half-close: sends what is queued, then FIN (RFC 9293 section 3.10.4).</summary>
    public void CloseWrites()
    {
        _isMoreComing = false;
        if (_isFinQueued || State == TcpState.Closed)
        {
            return;
        }

        _isFinQueued = true;
        State = State switch
        {
            TcpState.Established => TcpState.FinWait1,
            TcpState.CloseWait => TcpState.LastAck,
            _ => State,
        };
    }

    /// <summary>
    /// The application lets go. Queued bytes and a FIN still go out; with bytes that it never read the peer is
    /// told by a reset instead (RFC 2525 section 2.17).
    /// </summary>
    public void Close(long now)
    {
        if (_isDetached)
        {
            return;
        }

        _isDetached = true;
        if (State is TcpState.SynSent or TcpState.Closed)
        {
            _receive.Clear();
            Finish(TcpFailure.Aborted);
            return;
        }

        if (State != TcpState.TimeWait && (_receive.Available > 0 || _receive.HasGap))
        {
            Abort();
            return;
        }

        _receive.Clear();
        CloseWrites();
        if (State != TcpState.TimeWait)
        {
            _giveUpAt = now + (State == TcpState.FinWait2 ? _settings.TimeWait : _settings.Linger);
        }
    }

    /// <summary>ABORT of RFC 9293 section 3.10.5.</summary>
    public void Abort()
    {
        if (State is not (TcpState.Closed or TcpState.SynSent or TcpState.TimeWait))
        {
            SendReset();
        }

        Finish(TcpFailure.Aborted);
    }

    /// <summary>The path says nobody is there (ICMP): only a connection that is being opened believes it (RFC 5461).</summary>
    public void OnUnreachable(bool isRefusal)
    {
        if (State == TcpState.SynSent)
        {
            Finish(isRefusal ? TcpFailure.Refused : TcpFailure.Unreachable);
        }
    }

    /// <summary>Whether a SYN for this flow may start a new connection: RFC 9293 section 3.10.7.4 and RFC 6191.</summary>
    public bool CanBeReplacedBy(in TcpHeader syn)
        => State == TcpState.TimeWait
            && ((_hasTimestamps && syn.HasTimestamp && (int)(syn.TimestampValue - _recentTimestamp) > 0)
                || (int)(syn.Sequence - (uint)ReceiveNext) > 0);

    /// <summary>For tests and a debugger.</summary>
    public override string ToString()
        => $"{State} {Failure} {_phase}: sent {_unacknowledged - _initialSend}..{_next - _initialSend} of {_sendEnd - _initialSend}, "
            + $"window {_sendWindow}/{_congestion.Window}, {_board.Count} out, {_board.InFlight} in flight, {_board.ResendCount} to resend, "
            + $"{_board.SackedCount} sacked; received {ReceiveNext - _initialReceive}, window {ReceiveWindow}, {_receive.Available} unread; "
            + $"{_transmitKind} at {_transmitAt}, backoff {_backoff}, retries {_retries}";

    private static long Unwrap(uint value, long reference) => reference + (int)(value - (uint)reference);

    private uint Stamp(long now) => (uint)(now / 1_000) + _timestampOffset;

    private void Establish(long now)
    {
        WasEstablished = true;
        State = _isFinQueued ? TcpState.FinWait1 : TcpState.Established;
        _giveUpAt = _isDetached ? now + _settings.Linger : Never;
        _lastReceivedAt = now;
        _backoff = 0;
    }

    private void EnterTimeWait(long now)
    {
        State = TcpState.TimeWait;
        _giveUpAt = now + _settings.TimeWait;
        _send.Clear(_sendEnd);
        _transmitAt = Never;
    }

    private void Finish(TcpFailure failure)
    {
        if (State == TcpState.Closed)
        {
            return;
        }

        State = TcpState.Closed;
        Failure = failure;
        _send.Clear(_sendEnd);
        _board.Clear();
        if (_isDetached)
        {
            _receive.Clear();
        }

        _transmitAt = Never;
        _delayedAckAt = Never;
        _giveUpAt = Never;
        _isAckDue = false;
    }
}
