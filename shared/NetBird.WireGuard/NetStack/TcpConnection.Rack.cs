namespace NetBird.WireGuard.NetStack;

/// <summary>RACK-TLP, RFC 8985: loss by time sent, and a probe for a lost tail.</summary>
internal sealed partial class TcpConnection
{
    // Ours: the least a probe waits; below it only the machine's own scheduling is measured.
    private const long MinimumProbeTimeout = 10_000;

    // RFC 8985 section 7.2, WCDelAckT: the longest an honest peer delays an ACK.
    private const long WorstDelayedAck = 200_000;

    // RFC 8985 section 6.2, step 4: how many recoveries a widened window lasts.
    private const int ReorderPersistence = 16;

    private long _rackSentAt;
    private long _rackEnd;
    private long _rackRoundTrip;
    private long _rackDeadline = Never;
    private long _highestDelivered;
    private bool _isReordering;
    private int _reorderMultiplier = 1;
    private int _reorderPersistence;
    private long _reorderRoundEnd;

    private long _probeSentEnd = -1;
    private bool _isProbeResend;

    /// <summary>RFC 8985 section 6.2, steps 1 to 3.</summary>
    private void NoteDelivery(in SentSegment segment, in TcpHeader header, long now)
    {
        _wasLargeDelivered |= segment.Length > EscapeSegment;

        var sample = now - segment.SentAt;
        if (segment.Has(SegmentMarks.Ambiguous))
        {
            _sampleHasResent = true;
            var isOlder = _hasTimestamps && (int)(header.TimestampEcho - Stamp(segment.SentAt)) < 0;
            if (isOlder || sample < _roundTrip.Minimum)
            {
                return;
            }
        }
        else
        {
            _sampleOldest = Math.Max(_sampleOldest, sample);
            _sampleNewest = Math.Min(_sampleNewest, sample);
            if (segment.End < _highestDelivered)
            {
                _isReordering = true;
            }
        }

        _highestDelivered = Math.Max(_highestDelivered, segment.End);
        if (IsSentAfter(segment.SentAt, segment.End, _rackSentAt, _rackEnd))
        {
            _rackSentAt = segment.SentAt;
            _rackEnd = segment.End;
            _rackRoundTrip = sample;
        }
    }

    private static bool IsSentAfter(long sentAt, long end, long otherSentAt, long otherEnd)
        => sentAt > otherSentAt || (sentAt == otherSentAt && end > otherEnd);

    /// <summary>RFC 8985 section 6.2, step 5.</summary>
    private void DetectLosses(long now)
    {
        _rackDeadline = Never;
        AdaptReorderWindow();
        if (_board.SackedCount == 0 && _phase == Phase.Open)
        {
            return;
        }

        var patience = _rackRoundTrip + ReorderWindow();
        long latest = 0;
        for (var i = 0; i < _board.Count; i++)
        {
            ref var segment = ref _board[i];
            if (!IsSentAfter(_rackSentAt, _rackEnd, segment.SentAt, segment.End))
            {
                if (!segment.Has(SegmentMarks.Ambiguous))
                {
                    // Originals leave in order: none behind this one was sent sooner.
                    break;
                }

                continue;
            }

            if (segment.Has(SegmentMarks.Sacked) || segment.NeedsResend)
            {
                continue;
            }

            var remaining = segment.SentAt + patience - now;
            if (remaining <= 0)
            {
                _board.Mark(i, SegmentMarks.Lost, SegmentMarks.Resent);
                _resendFrom = Math.Min(_resendFrom, segment.Start);
            }
            else
            {
                latest = Math.Max(latest, remaining);
            }
        }

        if (latest > 0)
        {
            _rackDeadline = now + latest;
        }
    }

    /// <summary>RFC 8985 section 6.2, step 4.</summary>
    private long ReorderWindow()
    {
        if (!_isReordering && (_phase != Phase.Open || _board.SackedCount >= 3))
        {
            return 0;
        }

        return _roundTrip.HasSample
            ? Math.Min(_reorderMultiplier * _roundTrip.Minimum / 4, _roundTrip.Smoothed)
            : 0;
    }

    private void AdaptReorderWindow()
    {
        if (_sawDuplicateReport && _unacknowledged >= _reorderRoundEnd)
        {
            // At most once a round trip.
            _reorderRoundEnd = _next;
            _reorderMultiplier = Math.Min(_reorderMultiplier + 1, 64);
            _reorderPersistence = ReorderPersistence;
        }
        else if (_phase != Phase.Open && _unacknowledged >= _recoveryEnd && _reorderPersistence > 0
            && --_reorderPersistence == 0)
        {
            _reorderMultiplier = 1;
        }
    }

    /// <summary>When to probe for a lost tail, RFC 8985 section 7.2.</summary>
    private long ProbeDeadline()
    {
        var wait = 2 * _roundTrip.Smoothed;
        if (_board.Count == 1)
        {
            wait += WorstDelayedAck;
        }

        return _lastSentAt + Math.Max(wait, MinimumProbeTimeout);
    }

    private bool CanProbe => _hasSack && _phase == Phase.Open && _probeSentEnd < 0 && _roundTrip.HasSample
        && _board.SackedCount == 0 && _backoff == 0;

    /// <summary>RFC 8985 section 7.3: new data when there is some, else the last segment again.</summary>
    private void SendProbe(long now)
    {
        var before = _next;
        SendNew(now, mayExceedWindow: true);
        _isProbeResend = _next == before;
        if (_isProbeResend)
        {
            Resend(_board.Count - 1, now, isLost: false);
        }

        _probeSentEnd = _next;
    }

    /// <summary>RFC 8985 section 7.4.2: whether the probe itself repaired a loss.</summary>
    private void FinishProbe(long acknowledged, long advanced, long delivered, int payload, bool windowChanged)
    {
        if (_probeSentEnd < 0 || acknowledged < _probeSentEnd)
        {
            return;
        }

        if (!_isProbeResend || _sawDuplicateReport)
        {
            _probeSentEnd = -1;
        }
        else if (acknowledged > _probeSentEnd)
        {
            _probeSentEnd = -1;
            if (_phase == Phase.Open)
            {
                _congestion.OnLoss();
                _congestion.OnRecovered();
            }
        }
        else if (advanced == 0 && delivered == 0 && payload == 0 && !windowChanged)
        {
            _probeSentEnd = -1;
        }
    }
}
