namespace NetBird.WireGuard.NetStack;

/// <summary>
/// What size of packet the path carries: told by a router, or found out (RFC 4821, RFC 8899), since some drop what is too large and
/// say nothing. Downwards in one step, to what every path carries; upwards by one large segment, whose loss is not congestion.
/// </summary>
internal sealed partial class TcpConnection
{
    // Ours: two timeouts in a row, 600 ms at least, for a path that never carried a large segment; once it did, an outage is the
    // likelier reason, so three, 1.4 s at least, as Linux waits where it does this at all (tcp_retries1).
    private const int EscapeAfter = 2;
    private const int EscapeAfterDelivery = 3;

    // A path for packets of 1280 bytes, which IPv6 promises (RFC 8200 section 5), with WireGuard's 80 around ours and our headers of 60.
    private const int EscapeSegment = 1280 - 80 - 60;

    // Ours: an outage looks like a black hole, so the larger size is tried soon after an escape; then as seldom as RFC 8899 section
    // 5.1.1 (PMTU_RAISE_TIMER) says, and RFC 8201 section 4 after a router's word.
    private const long RaiseSoon = 2_000_000;
    private const long RaiseLater = 600_000_000;

    // Enough behind the probe for its loss to be seen by what is acknowledged after it, not by the timer (RFC 4821 section 7.4).
    private const int SegmentsBehindProbe = 4;

    private bool _wasLargeDelivered;
    private int _raiseTo;
    private long _raiseAt = Never;
    private long _raiseStart = -1;
    private long _raiseEnd;

    /// <summary>
    /// The path's MTU is smaller than the tunnel's (ICMP, RFC 1191 and RFC 8201). Believed only when it quotes
    /// a segment in flight, and never below what every path carries.
    /// </summary>
    public void OnPacketTooBig(uint quotedSequence, int mss, long now)
    {
        var position = Unwrap(quotedSequence, _unacknowledged);
        mss = Math.Max(mss, DefaultMss);
        if (!CanSendData || position < _unacknowledged || position >= _next || mss >= _mss)
        {
            return;
        }

        Lower(mss, now + RaiseLater);
        for (var i = 0; i < _board.Count; i++)
        {
            if (!_board[i].Has(SegmentMarks.Sacked))
            {
                _board.Mark(i, SegmentMarks.Lost, SegmentMarks.Resent);
            }
        }

        ResendWithoutBlame(now);
    }

    /// <summary>
    /// A path that drops large packets and says nothing (RFC 2923 section 2.1, RFC 8899 section 4.3), from the begin or since it changed:
    /// full segments that time out again are tried smaller. Called at a timeout, which marks everything lost.
    /// </summary>
    private void EscapeBlackHole(long now)
    {
        if (_raiseStart >= 0)
        {
            EndRaise(now);
            return;
        }

        if (_retries >= (_wasLargeDelivered ? EscapeAfterDelivery : EscapeAfter) && _mss > EscapeSegment && _board[0].Length > EscapeSegment)
        {
            Lower(EscapeSegment, now + RaiseSoon);
        }
    }

    private void Lower(int mss, long raiseAt)
    {
        _raiseTo = Math.Max(_raiseTo, _mss);
        _raiseAt = raiseAt;
        _raiseStart = -1;
        _wasLargeDelivered = false;
        SetSegmentSize(mss);
        _board.Split(PayloadSize);
    }

    /// <summary>
    /// Payload of a segment that would show that the path carries more than it is sent now; zero when none is due, or when there is
    /// too little behind it to notice its loss by.
    /// </summary>
    private int RaiseProbeSize(long remaining, long usable, long now)
    {
        if (now < _raiseAt || _raiseStart >= 0 || _phase != Phase.Open)
        {
            return 0;
        }

        var size = PayloadSize + _raiseTo - _mss;
        var needed = size + (SegmentsBehindProbe * PayloadSize);
        return remaining >= needed && usable >= needed && _board.InFlight + needed <= _congestion.Window ? size : 0;
    }

    private void NoteRaiseProbe(long start, long end)
    {
        _raiseStart = start;
        _raiseEnd = end;
    }

    /// <summary>What became of the large segment, once acknowledgments or the clock tell; before the window answers to losses.</summary>
    private void FinishRaise(long now)
    {
        if (_raiseStart < 0)
        {
            return;
        }

        var index = _board.IndexAfter(_raiseStart);
        var isDelivered = _unacknowledged >= _raiseEnd || index >= _board.Count || _board[index].Has(SegmentMarks.Sacked);
        if (isDelivered)
        {
            _raiseStart = -1;
            _raiseAt = Never;
            SetSegmentSize(_raiseTo);
        }
        else if (_board[index].NeedsResend)
        {
            var wasAlone = _board.ResendCount == 1 && _phase == Phase.Open;
            EndRaise(now);
            if (wasAlone)
            {
                // RFC 4821 section 7.6.2: the loss of a probe says nothing of congestion.
                ResendWithoutBlame(now);
            }
        }
    }

    /// <summary>The path does not carry it: what it held goes again in pieces.</summary>
    private void EndRaise(long now)
    {
        _raiseStart = -1;
        _raiseAt = now + RaiseLater;
        _board.Split(PayloadSize);
    }

    // Not congestion (RFC 8201 section 5.2): the window stays; the phase makes the resends go.
    private void ResendWithoutBlame(long now)
    {
        _phase = Phase.Loss;
        _recoveryEnd = _next;
        _resendFrom = _unacknowledged;
        _isUndoArmed = false;
        _undoEnd = -1;
        _timeoutBase = now;
    }
}
