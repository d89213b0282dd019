namespace NetBird.WireGuard.NetStack;

/// <summary>The sending half: what may go now, and how a segment is put together.</summary>
internal sealed partial class TcpConnection
{
    private const int TimestampOption = 12;

    private readonly BlockBuffer _send;
    private long _unacknowledged;
    private long _next;
    private long _sendEnd;
    private int _sendScale;
    private long _sendWindow;
    private long _largestSendWindow;
    private long _windowSequence;
    private long _windowAcknowledgment;
    private int _mss;
    private long _resendFrom = Never;
    private long _lastSentAt;
    private bool _isWindowLimited;
    private bool _isUndoArmed;
    private bool _isMoreComing;
    private bool _isProbeOutstanding;
    private long _probeEnd;
    private long _synSentAt;
    private bool _wasSynResent;

    /// <summary>Payload of a full segment.</summary>
    private int PayloadSize => _mss - (_hasTimestamps ? TimestampOption : 0);

    private long SendCapacity => _pool.IsUnderPressure
        ? _settings.MinimumSendBuffer / 2
        : Math.Clamp(2 * _congestion.Window, _settings.MinimumSendBuffer, _settings.MaximumSendBuffer);

    private long SendRoom => SendCapacity - (_sendEnd - Math.Max(_unacknowledged, _initialSend + 1));

    private bool CanSendData => State is TcpState.Established or TcpState.CloseWait
        or TcpState.FinWait1 or TcpState.Closing or TcpState.LastAck;

    /// <summary>Sends everything that may go now: lost segments, new ones, an ACK; and sets the timers.</summary>
    public void Output(long now)
    {
        if (CanSendData)
        {
            if (_board.Count == 0 && _lastSentAt != 0 && now - _lastSentAt > _roundTrip.Timeout)
            {
                _congestion.OnIdle();
            }

            _isWindowLimited &= _board.Count > 0;
            ResendLost(now);
            SendNew(now, mayExceedWindow: false);
        }

        if (_isAckDue && State is not (TcpState.Closed or TcpState.SynSent or TcpState.SynReceived))
        {
            Emit(TcpFlags.Ack, _next, null, 0, 0, now);
        }

        SetTransmitTimer(now);
    }

    private void ResendLost(long now)
    {
        while (_board.ResendCount > 0)
        {
            var index = FindLost();
            if (index < 0)
            {
                return;
            }

            ref var segment = ref _board[index];
            if (index > 0 && segment.End > _unacknowledged + _sendWindow)
            {
                // The peer took window back; only the first segment goes, as a probe (RFC 9293 section 3.8.6).
                return;
            }

            if (_board.InFlight > 0 && _board.InFlight + segment.Length > _congestion.Window)
            {
                _isWindowLimited = true;
                return;
            }

            Resend(index, now, isLost: true);
        }
    }

    private int FindLost()
    {
        for (var i = _board.IndexAfter(Math.Max(_resendFrom == Never ? 0 : _resendFrom, _unacknowledged)); i < _board.Count; i++)
        {
            if (_board[i].NeedsResend)
            {
                _resendFrom = _board[i].Start;
                return i;
            }
        }

        if (_resendFrom <= _unacknowledged)
        {
            return -1;
        }

        _resendFrom = _unacknowledged;
        return FindLost();
    }

    private void Resend(int index, long now, bool isLost)
    {
        ref var segment = ref _board[index];
        var hasFin = segment.Has(SegmentMarks.Fin);
        var length = segment.Length - (hasFin ? 1 : 0);
        EmitData(segment.Start, length, hasFin, now);
        segment.SentAt = now;
        _board.Mark(index, SegmentMarks.Ambiguous | (isLost ? SegmentMarks.Resent : SegmentMarks.None), SegmentMarks.None);
        if (_phase == Phase.Recovery)
        {
            _recoverySent += segment.Length;
        }

        if (_isUndoArmed)
        {
            _isUndoArmed = false;
            _undoStamp = Stamp(now);
            _undoEnd = segment.End;
        }
    }

    private void SendNew(long now, bool mayExceedWindow)
    {
        while (true)
        {
            var remaining = _sendEnd - _next;
            var isFinDue = _isFinQueued && !_isFinSent;
            if (_isFinSent || (remaining <= 0 && !isFinDue))
            {
                return;
            }

            var full = PayloadSize;
            var usable = _unacknowledged + _sendWindow - _next;
            var length = (int)Math.Min(Math.Min(remaining, full), Math.Max(usable, 0));
            var isCut = length < Math.Min(remaining, full);
            if (isCut && (length == 0 || length < _largestSendWindow / 2))
            {
                // Sender's silly window avoidance, RFC 9293 section 3.8.6.2.1; the persist timer overrides.
                return;
            }

            var isLast = length == remaining;
            if (isLast && length < full && _isMoreComing && _board.Count > 0)
            {
                // The writer waits for room and has the rest of this segment: it goes whole, or with the last acknowledgment.
                return;
            }

            if (!mayExceedWindow && _board.InFlight > 0)
            {
                // A window counted in bytes would let small writes fill it with very many segments.
                var isCrowded = length < full && _board.Count >= Math.Max(10, _congestion.Window / full);
                if (isCrowded || _board.InFlight + length > _congestion.Window)
                {
                    _isWindowLimited = true;
                    return;
                }
            }

            if (!mayExceedWindow && RaiseProbeSize(remaining, usable, now) is > 0 and var raised)
            {
                NoteRaiseProbe(_next, _next + raised);
                SendSegment(raised, hasFin: false, now);
                continue;
            }

            SendSegment(length, isFinDue && isLast, now);
            if (mayExceedWindow)
            {
                return;
            }
        }
    }

    private void SendSegment(int length, bool hasFin, long now)
    {
        EmitData(_next, length, hasFin, now);
        if (_board.Count == 0)
        {
            _timeoutBase = now;
        }

        var end = _next + length + (hasFin ? 1 : 0);
        _board.Append(new SentSegment
        {
            Start = _next,
            End = end,
            SentAt = now,
            Marks = hasFin ? SegmentMarks.Fin : SegmentMarks.None,
        });
        if (_phase == Phase.Recovery)
        {
            _recoverySent += length;
        }

        _isFinSent |= hasFin;
        _next = end;

        // In slow start half a window in flight shows that it is what limits us (RFC 7661 section 4.3, simplified).
        _isWindowLimited |= _board.InFlight * 2 >= _congestion.Window && _congestion.IsInSlowStart;
    }

    /// <remarks>
    /// PSH says that the writer has no more (RFC 9293 section 3.9.1.2). Set where it has, it would cost the other side its
    /// coalescing of segments, which ends at each.
    /// </remarks>
    private void EmitData(long position, int length, bool hasFin, long now)
    {
        var flags = TcpFlags.Ack | (hasFin ? TcpFlags.Fin : TcpFlags.None)
            | (length > 0 && position + length == _sendEnd && !_isMoreComing ? TcpFlags.Psh : TcpFlags.None);
        _lastSentAt = now;
        Emit(flags, position, _send, position, length, now);
    }

    private void SendSyn(long now)
    {
        _wasSynResent |= _synSentAt != 0;
        _synSentAt = now;
        _next = _initialSend + 1;
        var isAnswer = State == TcpState.SynReceived;
        var header = new TcpHeader
        {
            Sequence = (uint)_initialSend,
            Acknowledgment = isAnswer ? (uint)ReceiveNext : 0,
            Flags = TcpFlags.Syn | (isAnswer ? TcpFlags.Ack : TcpFlags.None),
            Window = (ushort)Math.Min(_receiveCapacity, ushort.MaxValue),
            MaximumSegment = (ushort)_settings.MaximumSegment,

            // An answer offers only what was offered: RFC 7323 sections 2.2 and 3.2, RFC 2018 section 2.
            WindowScale = !isAnswer || _hasScale ? _ownScale : (sbyte)-1,
            SackPermitted = !isAnswer || _hasSack,
            HasTimestamp = !isAnswer || _hasTimestamps,
            TimestampValue = Stamp(now),
            TimestampEcho = isAnswer ? _recentTimestamp : 0,
        };
        _output(in header, null, 0, 0);
        _transmitKind = TransmitTimer.Syn;
        _transmitAt = now + Math.Min(RoundTrip.InitialTimeout << Math.Min(_retries, 6), RoundTrip.MaximumTimeout);
    }

    private void Emit(TcpFlags flags, long sequence, BlockBuffer? payload, long position, int length, long now)
    {
        var header = new TcpHeader
        {
            Sequence = (uint)sequence,
            Acknowledgment = (uint)ReceiveNext,
            Flags = flags,
            Window = AdvertiseWindow(),
            WindowScale = -1,
            HasTimestamp = _hasTimestamps,
            TimestampValue = Stamp(now),
            TimestampEcho = _recentTimestamp,
        };
        if (_hasSack && (_duplicate is not null || _receive.HasGap))
        {
            AddSacks(ref header, length);
        }

        _output(in header, payload, position, length);
        _duplicate = null;
        _lastAckSent = ReceiveNext;
        _isAckDue = false;
        _delayedAckAt = Never;
        if (_quickAcks > 0)
        {
            _quickAcks--;
        }
    }

    private void AddSacks(ref TcpHeader header, int payload)
    {
        var room = Math.Min(40, _mss - payload) - (_hasTimestamps ? TimestampOption : 0);
        var limit = Math.Min((room - 4) / 8, SackBlocks.Capacity);
        if (limit > 0 && _duplicate is { } duplicate)
        {
            header.Sacks[header.SackCount++] = new SackBlock((uint)duplicate.Start, (uint)duplicate.End);
        }

        _receive.WriteSacks(ref header, limit);
    }

    /// <summary>RFC 9293 section 3.10.7.1: a reset that answers an acknowledgment carries its number.</summary>
    private void SendReset(uint sequence)
    {
        var header = new TcpHeader { Sequence = sequence, Flags = TcpFlags.Rst, WindowScale = -1 };
        _output(in header, null, 0, 0);
    }

    private void SendReset()
    {
        var header = new TcpHeader
        {
            Sequence = (uint)_next,
            Acknowledgment = (uint)ReceiveNext,
            Flags = TcpFlags.Rst | TcpFlags.Ack,
            WindowScale = -1,
        };
        _output(in header, null, 0, 0);
    }

    private void SetSegmentSize(int mss)
    {
        _mss = Math.Max(mss, MinimumMss);
        _congestion.SetSegmentSize(PayloadSize);
    }
}
