namespace NetBird.WireGuard.NetStack;

/// <summary>The receiving half: window, acknowledgments, timestamps to echo.</summary>
internal sealed partial class TcpConnection
{
    // Ours: a window filled slower than this was not limited by its size.
    private const long GrowthPeriod = 2_000_000;

    // Ours: the first segments are acknowledged at once, while the peer's window is small.
    private const int QuickAcks = 16;

    private ReceiveBuffer _receive;
    private long _initialReceive;
    private int _receiveCapacity;
    private long _receiveEdge;
    private bool _hasScale;
    private int _receiveScale;
    private int _receiveMss = DefaultMss;
    private long _readSinceGrowth;
    private long _growthStart;

    private bool _hasTimestamps;
    private uint _recentTimestamp;
    private long _recentTimestampAt;

    private long _lastAckSent;
    private bool _isAckDue;
    private int _quickAcks = QuickAcks;
    private long _delayedAckAt = Never;
    private long _lastChallengeAt = long.MinValue / 2;
    private (long Start, long End)? _duplicate;

    private long ReceiveNext => _receive.Next + (_isFinReceived ? 1 : 0);

    private long ReceiveWindow => _receiveEdge - ReceiveNext;

    private bool CanPeerSend => State is TcpState.Established or TcpState.FinWait1 or TcpState.FinWait2;

    // RFC 9293 section 3.8.6.2.2: worth telling when the edge moves by a segment or half the buffer. Two
    // segments here, so that a reader of small pieces does not answer each of them.
    private bool IsWindowUpdateDue => CanPeerSend && !_isFinReceived
        && FreeEdge - _receiveEdge >= Math.Min(_receiveCapacity / 2, 2 * _receiveMss);

    private long FreeEdge => _receive.Next + Math.Max(0, _receiveCapacity - _receive.Available);

    /// <summary>Takes the peer's SYN: its sequence number and options (RFC 9293 section 3.7.1, RFC 7323).</summary>
    private void TakeSyn(in TcpHeader syn, long now)
    {
        _initialReceive = Epoch + syn.Sequence;
        _receive = new ReceiveBuffer(_pool, _initialReceive + 1);
        _lastAckSent = _initialReceive + 1;
        _hasTimestamps = syn.HasTimestamp;
        _recentTimestamp = syn.TimestampValue;
        _recentTimestampAt = now;
        _hasSack = syn.SackPermitted;
        _hasScale = syn.WindowScale >= 0;
        if (_hasScale)
        {
            _sendScale = syn.WindowScale;
            _receiveScale = _ownScale;
        }
        else
        {
            _receiveCapacity = Math.Min(_receiveCapacity, ushort.MaxValue);
        }

        _receiveEdge = _initialReceive + 1 + Math.Min(_receiveCapacity, ushort.MaxValue);
        var peerMss = syn.MaximumSegment == 0 ? DefaultMss : Math.Max(syn.MaximumSegment, (ushort)MinimumMss);
        SetSegmentSize(Math.Min(peerMss, _settings.MaximumSegment));
        _congestion = new CubicWindow(PayloadSize, _settings.MaximumSendBuffer);
        _sendWindow = syn.Window;
        _largestSendWindow = syn.Window;
        _windowSequence = _initialReceive;
        _windowAcknowledgment = _unacknowledged;
    }

    /// <summary>Puts a payload and a FIN in their place: RFC 9293 section 3.10.7.4, seventh and eighth.</summary>
    private void TakePayload(long sequence, ReadOnlySpan<byte> payload, bool hasFin, long now)
    {
        var end = sequence + payload.Length;
        if (!CanPeerSend || _isFinReceived)
        {
            return;
        }

        if (_isDetached && end > ReceiveNext)
        {
            // Nobody will read this: the peer is told, and with it that what it sent is lost.
            SendReset();
            Finish(TcpFailure.Aborted);
            return;
        }

        if (end > _receiveEdge)
        {
            payload = payload[..(int)Math.Max(0, payload.Length - (end - _receiveEdge))];
            hasFin = false;
            _isAckDue = true;
        }

        if (_peerFin >= 0 && sequence + payload.Length > _peerFin)
        {
            // Bytes after the end: RFC 9293 has no word for it; ignoring them is safe.
            payload = payload[..(int)Math.Max(0, _peerFin - sequence)];
        }

        if (payload.Length > 0)
        {
            Store(sequence, payload, now);
        }

        if (hasFin && (_peerFin < 0 || _peerFin == end))
        {
            _peerFin = end;
            _isAckDue = true;
        }

        if (_peerFin == _receive.Next)
        {
            TakeFin(now);
        }
    }

    private void Store(long sequence, ReadOnlySpan<byte> payload, long now)
    {
        var hadGap = _receive.HasGap;
        var before = _receive.Next;
        if (_receive.Holds(sequence, sequence + payload.Length))
        {
            _duplicate = (sequence, sequence + payload.Length);
            _isAckDue = true;
            return;
        }

        _receiveMss = Math.Clamp(payload.Length, _receiveMss, Math.Max(_receiveMss, _settings.MaximumSegment));
        var kept = _receive.Insert(sequence, payload);

        // RFC 5681 section 4.2: at once when out of order, when a gap is filled, and for two full segments.
        if (!kept || hadGap || _receive.HasGap || _receive.Next == before
            || _quickAcks > 0 || ReceiveNext - _lastAckSent >= 2L * _receiveMss)
        {
            _isAckDue = true;
        }
        else if (_delayedAckAt == Never)
        {
            _delayedAckAt = now + _settings.DelayedAck;
        }
    }

    private void TakeFin(long now)
    {
        _isFinReceived = true;
        _isAckDue = true;
        switch (State)
        {
            case TcpState.Established:
                State = TcpState.CloseWait;
                break;
            case TcpState.FinWait1:
                // Its acknowledgment of our FIN, when it has one, was taken before: FIN-WAIT-2 then.
                State = TcpState.Closing;
                break;
            case TcpState.FinWait2:
                EnterTimeWait(now);
                break;
        }
    }

    /// <summary>An ACK for what has no other answer, rarely enough that two ends cannot keep each other at it (RFC 5961 section 7).</summary>
    private void Challenge(long now)
    {
        if (now - _lastChallengeAt >= 100_000)
        {
            _lastChallengeAt = now;
            _isAckDue = true;
        }
    }

    /// <summary>
    /// A window that was emptied by the application within a short time was too small for the path: twice as
    /// large next time. Memory is used only when the application then stops reading.
    /// </summary>
    private void GrowReceiveWindow(int read, long now)
    {
        _readSinceGrowth += read;
        if (_readSinceGrowth < _receiveCapacity)
        {
            return;
        }

        if (now - _growthStart < GrowthPeriod && !_pool.IsUnderPressure)
        {
            var ceiling = _receiveScale > 0 ? _settings.MaximumReceiveWindow : ushort.MaxValue;
            _receiveCapacity = Math.Max(_receiveCapacity, Math.Min(_receiveCapacity * 2, ceiling));
        }

        _readSinceGrowth = 0;
        _growthStart = now;
    }

    /// <summary>The window field, and moves the edge that we are bound to by it.</summary>
    private ushort AdvertiseWindow()
    {
        // Under pressure windows stop moving ahead of what was read, but an edge once told is never taken back
        // (RFC 9293 section 3.8.6.2.2).
        var edge = FreeEdge;
        if (edge - _receiveEdge < Math.Min(_receiveCapacity / 2, _receiveMss))
        {
            edge = _receiveEdge;
        }

        edge = Math.Max(edge, _receiveEdge);
        var window = Math.Max(0, edge - ReceiveNext);

        // Rounded up, or the edge would seem to move back (RFC 7323 section 2.4): at most 127 bytes too many.
        var field = Math.Min((window + (1L << _receiveScale) - 1) >> _receiveScale, ushort.MaxValue);
        _receiveEdge = Math.Max(_receiveEdge, ReceiveNext + (field << _receiveScale));
        return (ushort)field;
    }
}
