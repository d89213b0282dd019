namespace NetBird.WireGuard.NetStack;

/// <summary>SEGMENT ARRIVES: RFC 9293 section 3.10.7, in its order.</summary>
internal sealed partial class TcpConnection
{
    // RFC 7323 section 5.5: a timestamp older than this says nothing.
    private const long TimestampLifetime = 24L * 24 * 3600 * 1_000_000;

    /// <summary>Takes a segment of this flow with a right checksum.</summary>
    public void OnSegment(in TcpHeader header, ReadOnlySpan<byte> payload, long now)
    {
        if (State == TcpState.Closed)
        {
            return;
        }

        if (State == TcpState.SynSent)
        {
            OnSegmentInSynSent(in header, now);
            return;
        }

        var sequence = Unwrap(header.Sequence, ReceiveNext);
        var hasSyn = header.Has(TcpFlags.Syn);
        if (hasSyn && State == TcpState.SynReceived && sequence == _initialReceive)
        {
            if (!header.Has(TcpFlags.Ack))
            {
                SendSyn(now);
                return;
            }

            // The SYN-ACK of a simultaneous open: what counts in it is the ACK (RFC 9293 figure 8).
            sequence++;
            hasSyn = false;
        }

        var hasFin = header.Has(TcpFlags.Fin);
        var length = payload.Length + (hasSyn ? 1 : 0) + (hasFin ? 1 : 0);
        if (!PassesTimestamp(in header, length, now) || !IsAcceptable(in header, sequence, payload.Length, length, now))
        {
            return;
        }

        _lastReceivedAt = now;
        _unansweredKeepalives = 0;
        if (header.Has(TcpFlags.Rst))
        {
            OnReset(sequence, now);
            return;
        }

        if (hasSyn)
        {
            // RFC 9293 section 3.10.7.4, fourth (RFC 5961 section 4).
            Challenge(now);
            return;
        }

        if (!header.Has(TcpFlags.Ack))
        {
            return;
        }

        // RFC 7323 section 4.3, rule 2.
        if (_hasTimestamps && sequence <= _lastAckSent)
        {
            _recentTimestamp = header.TimestampValue;
            _recentTimestampAt = now;
        }

        if (!TakeAcknowledgment(in header, sequence, payload.Length, now) || State == TcpState.Closed)
        {
            return;
        }

        TakePayload(sequence, payload, hasFin, now);
    }

    private void OnSegmentInSynSent(in TcpHeader header, long now)
    {
        var hasAck = header.Has(TcpFlags.Ack);
        if (hasAck && header.Acknowledgment != (uint)(_initialSend + 1))
        {
            if (!header.Has(TcpFlags.Rst))
            {
                SendReset(header.Acknowledgment);
            }

            return;
        }

        if (header.Has(TcpFlags.Rst))
        {
            if (hasAck)
            {
                Finish(TcpFailure.Refused);
            }

            return;
        }

        if (!header.Has(TcpFlags.Syn))
        {
            return;
        }

        TakeSyn(in header, now);
        if (hasAck)
        {
            AcknowledgeSyn(now);
            _windowSequence = _initialReceive;
            _windowAcknowledgment = _unacknowledged;
            _isAckDue = true;
            Establish(now);
        }
        else
        {
            // Simultaneous open: RFC 9293 section 3.5.
            State = TcpState.SynReceived;
            SendSyn(now);
        }
    }

    private void AcknowledgeSyn(long now)
    {
        if (!_wasSynResent)
        {
            _roundTrip.AddSample(now - _synSentAt, now);
        }

        _unacknowledged = _initialSend + 1;
        _retries = 0;
        _transmitAt = Never;
    }

    private bool PassesTimestamp(in TcpHeader header, int length, long now)
    {
        if (!_hasTimestamps || header.Has(TcpFlags.Rst))
        {
            return true;
        }

        if (!header.HasTimestamp)
        {
            // RFC 7323 section 3.2: dropped without a word.
            return false;
        }

        // PAWS: RFC 7323 section 5.3, R1.
        if ((int)(header.TimestampValue - _recentTimestamp) >= 0 || now - _recentTimestampAt > TimestampLifetime)
        {
            return true;
        }

        if (length > 0)
        {
            _isAckDue = true;
        }
        else
        {
            Challenge(now);
        }

        return false;
    }

    /// <summary>RFC 9293 section 3.10.7.4, first; with the edge itself allowed for bare ACKs of a filled window.</summary>
    private bool IsAcceptable(in TcpHeader header, long sequence, int payload, int length, long now)
    {
        var next = ReceiveNext;
        if (length == 0 ? sequence >= next && sequence <= _receiveEdge
            : (sequence + length > next && sequence < _receiveEdge) || (sequence == next && ReceiveWindow == 0))
        {
            return true;
        }

        if (header.Has(TcpFlags.Rst))
        {
            return false;
        }

        if (State == TcpState.TimeWait && header.Has(TcpFlags.Fin))
        {
            _giveUpAt = now + _settings.TimeWait;
        }

        if (length == 0)
        {
            // Also the answer to keepalives and to probes of a zero window.
            Challenge(now);
            return false;
        }

        if (payload > 0 && sequence + payload <= next)
        {
            _duplicate = (sequence, sequence + payload);
        }

        _isAckDue = true;
        return false;
    }

    private void OnReset(long sequence, long now)
    {
        if (sequence != ReceiveNext)
        {
            // RFC 9293 section 3.10.7.4, second, 2 (RFC 5961 section 3): whoever guesses gets a question back.
            Challenge(now);
            return;
        }

        Finish(State switch
        {
            TcpState.Closing or TcpState.LastAck or TcpState.TimeWait => TcpFailure.None,
            TcpState.SynReceived when !_isPassive => TcpFailure.Refused,
            _ => TcpFailure.Reset,
        });
    }

    /// <summary>RFC 9293 section 3.10.7.4, fifth.</summary>
    /// <returns>False when the segment ends here.</returns>
    private bool TakeAcknowledgment(in TcpHeader header, long sequence, int payload, long now)
    {
        var acknowledged = Unwrap(header.Acknowledgment, _unacknowledged);
        if (State == TcpState.SynReceived)
        {
            if (acknowledged != _initialSend + 1)
            {
                SendReset(header.Acknowledgment);
                return false;
            }

            AcknowledgeSyn(now);
            _windowSequence = sequence - 1;
            Establish(now);
        }

        // RFC 5961 section 5.2: an ACK of what was never sent, or of long ago, is a guess.
        var isBeyond = acknowledged > _next && !(acknowledged == _next + 1 && _isProbeOutstanding);
        if (isBeyond || acknowledged < _unacknowledged - Math.Max(_largestSendWindow, 1))
        {
            Challenge(now);
            return false;
        }

        OnAcknowledged(in header, sequence, acknowledged, payload, now);
        if (_isFinSent && _unacknowledged > _sendEnd)
        {
            OnFinAcknowledged(now);
        }

        return true;
    }

    private void OnFinAcknowledged(long now)
    {
        switch (State)
        {
            case TcpState.FinWait1:
                State = TcpState.FinWait2;
                if (_isDetached)
                {
                    _giveUpAt = now + _settings.TimeWait;
                }

                break;
            case TcpState.Closing:
                EnterTimeWait(now);
                break;
            case TcpState.LastAck:
                Finish(TcpFailure.None);
                break;
        }
    }
}
