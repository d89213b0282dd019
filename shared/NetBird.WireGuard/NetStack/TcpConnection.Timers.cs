namespace NetBird.WireGuard.NetStack;

/// <summary>Timers: retransmission, probes, delayed ACK, keepalive, and the ends of TIME-WAIT and lingering.</summary>
internal sealed partial class TcpConnection
{
    private enum TransmitTimer
    {
        Syn,
        Timeout,
        Probe,
        Reorder,
        Persist,
    }

    private TransmitTimer _transmitKind;
    private long _transmitAt = Never;
    private long _timeoutBase;
    private int _backoff;
    private int _retries;
    private long _firstRetryAt;
    private long _giveUpAt = Never;
    private long _lastReceivedAt;
    private int _unansweredKeepalives;

    /// <summary>When <see cref="OnTimer"/> is due; <see cref="long.MaxValue"/> for never.</summary>
    public long NextDeadline
        => State == TcpState.Closed ? Never
            : Math.Min(Math.Min(_transmitAt, _delayedAckAt), Math.Min(_giveUpAt, KeepaliveAt));

    private long KeepaliveAt => _settings.KeepaliveIdle == 0 || _board.Count > 0 || _transmitAt != Never
        || State is not (TcpState.Established or TcpState.CloseWait or TcpState.FinWait2)
            ? Never
            : _lastReceivedAt + _settings.KeepaliveIdle + (_unansweredKeepalives * _settings.KeepaliveInterval);

    /// <summary>Does what is due; early calls do nothing.</summary>
    public void OnTimer(long now)
    {
        if (State == TcpState.Closed)
        {
            return;
        }

        if (now >= _giveUpAt)
        {
            OnGivenUp();
            return;
        }

        if (now >= _delayedAckAt)
        {
            _delayedAckAt = Never;
            _isAckDue = true;
        }

        if (now >= KeepaliveAt)
        {
            SendKeepalive(now);
        }

        // Segments may have come since the timer was set, whose batch is not over: what was due then may not be now.
        SetTransmitTimer(now);
        if (now >= _transmitAt)
        {
            _transmitAt = Never;
            OnTransmitTimer(now);
        }
    }

    private void SetTransmitTimer(long now)
    {
        if (State is TcpState.Closed or TcpState.SynSent or TcpState.SynReceived or TcpState.TimeWait)
        {
            return;
        }

        if (_board.Count == 0)
        {
            // Something waits for a window: RFC 9293 section 3.8.6.1.
            var isBlocked = CanSendData && _sendEnd > _next;
            if (!isBlocked)
            {
                _transmitAt = Never;
                _persistAt = Never;
                return;
            }

            if (_persistAt == Never)
            {
                _persistAt = now + BackedOff();
            }

            (_transmitKind, _transmitAt) = (TransmitTimer.Persist, _persistAt);
            return;
        }

        _persistAt = Never;
        (_transmitKind, _transmitAt) = (TransmitTimer.Timeout, _timeoutBase + BackedOff());
        if (_rackDeadline < _transmitAt)
        {
            (_transmitKind, _transmitAt) = (TransmitTimer.Reorder, _rackDeadline);
        }
        else if (CanProbe && ProbeDeadline() is var probe && probe < _transmitAt)
        {
            (_transmitKind, _transmitAt) = (TransmitTimer.Probe, probe);
        }
    }

    private long _persistAt = Never;

    // RFC 6298 section 5.5.
    private long BackedOff() => Math.Min(_roundTrip.Timeout << Math.Min(_backoff, 10), RoundTrip.MaximumTimeout);

    private void OnTransmitTimer(long now)
    {
        switch (_transmitKind)
        {
            case TransmitTimer.Syn:
                _retries++;
                SendSyn(now);
                break;
            case TransmitTimer.Timeout:
                OnTimeout(now);
                break;
            case TransmitTimer.Probe:
                SendProbe(now);
                _timeoutBase = now;
                break;
            case TransmitTimer.Reorder:
                DetectLosses(now);
                FinishRaise(now);
                if (_board.ResendCount > 0 && _phase == Phase.Open)
                {
                    EnterRecovery();
                    PaceRecovery(advanced: 0, delivered: 0, isNewlyLost: true);
                }

                break;
            case TransmitTimer.Persist:
                OnPersist(now);
                break;
        }
    }

    /// <summary>RFC 6298 section 5, RFC 8985 section 6.3.</summary>
    private void OnTimeout(long now)
    {
        if (_retries++ == 0)
        {
            _firstRetryAt = now;
        }
        else if (_retries > 4 && now - _firstRetryAt >= _settings.UserTimeout)
        {
            SendReset();
            Finish(TcpFailure.TimedOut);
            return;
        }

        EscapeBlackHole(now);

        // A peer may forget what it reported (RFC 2018 section 8): it did when its first gap is not one.
        var isReneged = _board[0].Has(SegmentMarks.Sacked);
        for (var i = 0; i < _board.Count; i++)
        {
            if (isReneged || !_board[i].Has(SegmentMarks.Sacked))
            {
                _board.Mark(i, SegmentMarks.Lost, SegmentMarks.Resent | SegmentMarks.Sacked);
            }
        }

        _seenSackCount = 0;
        if (_phase != Phase.Loss || _backoff == 0)
        {
            if (_phase == Phase.Open)
            {
                RememberForUndo();
            }

            _congestion.OnTimeout();
        }
        else
        {
            _congestion.SetWindow(0);
        }

        _phase = Phase.Loss;
        _recoveryEnd = _next;
        _resendFrom = _unacknowledged;
        _rackDeadline = Never;
        _probeSentEnd = -1;
        _backoff++;
        _timeoutBase = now;
    }

    /// <summary>Asks a closed window: one byte that may not be taken (RFC 9293 section 3.8.6.1).</summary>
    private void OnPersist(long now)
    {
        _persistAt = Never;
        var usable = _unacknowledged + _sendWindow - _next;
        if (usable > 0)
        {
            // The override of silly window avoidance: what fits goes.
            SendSegment((int)Math.Min(Math.Min(usable, _sendEnd - _next), PayloadSize), hasFin: false, now);
            return;
        }

        if (_retries++ == 0)
        {
            _firstRetryAt = now;
        }
        else if (_retries > 4 && now - _firstRetryAt >= _settings.UserTimeout)
        {
            SendReset();
            Finish(TcpFailure.TimedOut);
            return;
        }

        _backoff++;
        _isProbeOutstanding = true;
        _probeEnd = _next;
        Emit(TcpFlags.Ack, _next, _send, _next, 1, now);
    }

    /// <summary>RFC 9293 section 3.8.4: a number from before, so that any peer answers.</summary>
    private void SendKeepalive(long now)
    {
        if (_unansweredKeepalives >= _settings.KeepaliveProbes)
        {
            SendReset();
            Finish(TcpFailure.TimedOut);
            return;
        }

        _unansweredKeepalives++;
        Emit(TcpFlags.Ack, _next - 1, null, 0, 0, now);
    }

    private void OnGivenUp()
    {
        switch (State)
        {
            case TcpState.TimeWait:
            case TcpState.FinWait2:
                Finish(TcpFailure.None);
                break;
            case TcpState.SynSent:
                Finish(TcpFailure.TimedOut);
                break;
            default:
                SendReset();
                Finish(TcpFailure.TimedOut);
                break;
        }
    }
}
