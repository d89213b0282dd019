namespace NetBird.WireGuard.NetStack;

/// <summary>What an acknowledgment teaches: delivery, round trip, loss, and the congestion window's answer.</summary>
internal sealed partial class TcpConnection
{
    private enum Phase
    {
        Open,
        Recovery,
        Loss,
    }

    private readonly Scoreboard _board = new();
    private readonly RoundTrip _roundTrip = new();
    private CubicWindow _congestion;
    private bool _hasSack;
    private Phase _phase;
    private long _recoveryEnd;
    private int _duplicateAcks;

    // PRR, RFC 9937 section 6.
    private long _recoveryDelivered;
    private long _recoverySent;
    private long _recoveryFlight;

    // The Eifel response, RFC 4015: what the window was, and when and up to where the first resend went.
    private long _undoWindow;
    private long _undoThreshold;
    private uint _undoStamp;
    private long _undoEnd = -1;

    private SackBlocks _seenSacks;
    private int _seenSackCount;
    private bool _sawDuplicateReport;

    private long _sampleOldest;
    private long _sampleNewest;
    private bool _sampleHasResent;

    private void OnAcknowledged(in TcpHeader header, long sequence, long acknowledged, int payload, long now)
    {
        var hadWindow = UpdateSendWindow(in header, sequence, acknowledged);
        var advanced = acknowledged - _unacknowledged;
        _sampleOldest = 0;
        _sampleNewest = Never;
        _sampleHasResent = false;
        _sawDuplicateReport = false;

        // In sequence order, or what one ACK reports together would look reordered (RFC 8985 section 6.2, step 3).
        var delivered = advanced > 0 ? Advance(in header, acknowledged, now) : 0;
        if (_hasSack && header.SackCount > 0)
        {
            delivered += TakeSacks(in header, acknowledged, now);
        }

        if (advanced > 0)
        {
            _backoff = 0;
            _retries = 0;
            _timeoutBase = now;
            _duplicateAcks = 0;
        }
        else if (_sendWindow == 0)
        {
            // RFC 9293 section 3.8.6.1: a peer that answers with a closed window is alive.
            _retries = 0;
        }

        TakeRoundTrip(in header, advanced, now);
        FinishProbe(acknowledged, advanced, delivered, payload, hadWindow);
        if (TryUndo(in header, acknowledged, advanced))
        {
            return;
        }

        var lost = _board.ResendCount;
        if (_hasSack)
        {
            DetectLosses(now);
        }
        else
        {
            CountDuplicate(advanced, payload, hadWindow);
        }

        FinishRaise(now);
        Respond(advanced, delivered, _board.ResendCount > lost, now);
    }

    /// <returns>True when the window changed.</returns>
    private bool UpdateSendWindow(in TcpHeader header, long sequence, long acknowledged)
    {
        // RFC 9293 section 3.10.7.4, fifth: an old segment does not change the window.
        if (acknowledged < _unacknowledged || sequence < _windowSequence
            || (sequence == _windowSequence && acknowledged < _windowAcknowledgment))
        {
            return false;
        }

        var window = (long)header.Window << _sendScale;
        var changed = window != _sendWindow;
        if (_sendWindow == 0 && window > 0)
        {
            _backoff = 0;
        }

        _sendWindow = window;
        _largestSendWindow = Math.Max(_largestSendWindow, window);
        _windowSequence = sequence;
        _windowAcknowledgment = acknowledged;
        return changed;
    }

    /// <summary>Takes what is cumulatively acknowledged off the board and out of the buffer.</summary>
    private long Advance(in TcpHeader header, long acknowledged, long now)
    {
        long delivered = 0;
        while (_board.Count > 0 && _board[0].End <= acknowledged)
        {
            ref var segment = ref _board[0];
            if (!segment.Has(SegmentMarks.Sacked))
            {
                delivered += segment.Length;
                NoteDelivery(in segment, in header, now);
            }

            _board.RemoveFirst();
        }

        if (_board.Count > 0 && _board[0].Start < acknowledged)
        {
            delivered += acknowledged - _board[0].Start;
            _board.TrimFirst(acknowledged);
        }

        _unacknowledged = acknowledged;
        if (acknowledged > _next)
        {
            // The byte of a window probe was taken.
            _next = acknowledged;
        }

        if (acknowledged > _probeEnd)
        {
            _isProbeOutstanding = false;
        }

        var kept = Math.Min(acknowledged, _sendEnd);
        _send.Discard(kept, isEmpty: kept == _sendEnd);
        return delivered;
    }

    private long TakeSacks(in TcpHeader header, long acknowledged, long now)
    {
        Span<(long Start, long End)> blocks = stackalloc (long, long)[SackBlocks.Capacity];
        var count = 0;
        for (var i = 0; i < header.SackCount; i++)
        {
            var start = Unwrap(header.Sacks[i].Start, _unacknowledged);
            var end = Unwrap(header.Sacks[i].End, _unacknowledged);
            var isInside = i == 0 && header.SackCount > 1
                && start >= Unwrap(header.Sacks[1].Start, _unacknowledged) && end <= Unwrap(header.Sacks[1].End, _unacknowledged);
            if (i == 0 && start < end && (end <= acknowledged || isInside))
            {
                // RFC 2883 section 4: the first block tells of a duplicate.
                _sawDuplicateReport = true;
                continue;
            }

            if (start >= acknowledged && start < end && end <= _next)
            {
                blocks[count++] = (start, end);
            }
        }

        blocks = blocks[..count];
        blocks.Sort();
        long delivered = 0;
        foreach (var (start, end) in blocks)
        {
            delivered += MarkSacked(SkipSeen(start, end), end, in header, now);
        }

        for (var i = 0; i < count; i++)
        {
            _seenSacks[i] = new SackBlock((uint)blocks[i].Start, (uint)blocks[i].End);
        }

        _seenSackCount = count;
        return delivered;
    }

    // Blocks repeat from one ACK to the next and grow at their end: only what is new is walked.
    private long SkipSeen(long start, long end)
    {
        for (var i = 0; i < _seenSackCount; i++)
        {
            var seen = Unwrap(_seenSacks[i].End, _unacknowledged);
            if (_seenSacks[i].Start == (uint)start && seen <= end)
            {
                return Math.Max(start, seen);
            }
        }

        return start;
    }

    private long MarkSacked(long start, long end, in TcpHeader header, long now)
    {
        long delivered = 0;
        for (var i = _board.IndexAfter(start); i < _board.Count && _board[i].End <= end; i++)
        {
            ref var segment = ref _board[i];
            if (segment.Start >= start && !segment.Has(SegmentMarks.Sacked))
            {
                delivered += segment.Length;
                NoteDelivery(in segment, in header, now);
                _board.Mark(i, SegmentMarks.Sacked, SegmentMarks.None);
            }
        }

        return delivered;
    }

    private void TakeRoundTrip(in TcpHeader header, long advanced, long now)
    {
        // What an ACK covers together with something resent may have arrived long ago: it was held back by the gap, or its own ACK was
        // lost. Such a sample would hold our own timeouts and double them (Karn; tcp_clean_rtx_queue in Linux does the same).
        if (_sampleNewest != Never && !_sampleHasResent)
        {
            // RFC 6298 section 3 and RFC 7323 section 4.1: from the oldest, so that delayed ACKs are in it.
            _roundTrip.AddSample(_sampleOldest, now);
            _congestion.OnRoundTrip(_sampleNewest, _unacknowledged, _next);
        }
        else if (advanced > 0 && _hasTimestamps && header.TimestampEcho != 0 && !_sawDuplicateReport)
        {
            // Not with a report of a duplicate: the echo is then of a copy whose ACK was lost, and the sample would
            // be our own timeout, which would double the next one.
            var sample = (int)(Stamp(now) - header.TimestampEcho);
            if (sample is >= 0 and < 120_000)
            {
                _roundTrip.AddSample(sample * 1_000L, now);
            }
        }
    }

    /// <summary>A resend whose original came after all: RFC 3522 section 3.2, RFC 4015 section 3.2.</summary>
    private bool TryUndo(in TcpHeader header, long acknowledged, long advanced)
    {
        if (_phase == Phase.Open || _undoEnd < 0 || advanced <= 0 || acknowledged < _undoEnd)
        {
            return false;
        }

        var isSpurious = _hasTimestamps && header.TimestampEcho != 0 && (int)(header.TimestampEcho - _undoStamp) < 0;
        _undoEnd = -1;
        if (!isSpurious)
        {
            return false;
        }

        for (var i = 0; i < _board.Count; i++)
        {
            if (_board[i].Has(SegmentMarks.Lost) && !_board[i].Has(SegmentMarks.Sacked))
            {
                _board.Mark(i, SegmentMarks.None, SegmentMarks.Lost | SegmentMarks.Resent);
            }
        }

        _congestion.Restore(_undoWindow, _undoThreshold);
        _phase = Phase.Open;
        return true;
    }

    /// <summary>Fast retransmit for a peer without SACK: RFC 5681 section 3.2, RFC 6582 section 3.2.</summary>
    private void CountDuplicate(long advanced, int payload, bool windowChanged)
    {
        if (_board.Count == 0)
        {
            return;
        }

        var isPartial = advanced > 0 && _phase == Phase.Recovery && _unacknowledged < _recoveryEnd;
        if (advanced == 0 && payload == 0 && !windowChanged)
        {
            _duplicateAcks++;
        }

        if (isPartial || (_duplicateAcks == 3 && _phase == Phase.Open))
        {
            _board.Mark(0, SegmentMarks.Lost, SegmentMarks.Resent);
        }
    }

    private void Respond(long advanced, long delivered, bool isNewlyLost, long now)
    {
        if (_phase != Phase.Open && _unacknowledged >= _recoveryEnd)
        {
            if (_phase == Phase.Recovery)
            {
                _congestion.OnRecovered();
            }

            _phase = Phase.Open;
            _undoEnd = -1;
            return;
        }

        if (_phase == Phase.Open && _board.ResendCount > 0)
        {
            EnterRecovery();
        }

        if (_phase == Phase.Recovery)
        {
            PaceRecovery(advanced, delivered, isNewlyLost);
        }
        else if (advanced > 0 && (_isWindowLimited || _phase == Phase.Loss))
        {
            _congestion.OnAcknowledged(advanced, _roundTrip.Smoothed, now);
        }
    }

    private void EnterRecovery()
    {
        _phase = Phase.Recovery;
        RememberForUndo();
        _recoveryFlight = Math.Max(1, _next - _unacknowledged);
        _congestion.OnLoss();
        _recoveryEnd = _next;
        _recoveryDelivered = 0;
        _recoverySent = 0;
    }

    private void RememberForUndo()
    {
        _undoWindow = _congestion.Window;
        _undoThreshold = _congestion.SlowStartThreshold;
        _undoEnd = -1;
        _isUndoArmed = true;
    }

    /// <summary>Proportional rate reduction, RFC 9937 section 6.2.</summary>
    private void PaceRecovery(long advanced, long delivered, bool isNewlyLost)
    {
        _recoveryDelivered += delivered;
        var pipe = _board.InFlight;
        var threshold = _congestion.SlowStartThreshold;
        long send;
        if (pipe > threshold)
        {
            send = ((_recoveryDelivered * threshold) + _recoveryFlight - 1) / _recoveryFlight - _recoverySent;
        }
        else
        {
            send = Math.Max(_recoveryDelivered - _recoverySent, delivered);
            if (advanced > 0 && !isNewlyLost)
            {
                send += PayloadSize;
            }

            send = Math.Min(threshold - pipe, send);
        }

        if (_recoverySent == 0)
        {
            send = Math.Max(send, PayloadSize);
        }

        _congestion.SetWindow(pipe + Math.Max(0, send));
    }
}
