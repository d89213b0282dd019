using NetBird.WireGuard.Userspace.Noise;
using NetBird.WireGuard.Userspace.Sessions;
using NetBird.WireGuard.Userspace.Sockets;

namespace NetBird.WireGuard.Userspace.Peers;

/// <summary>Handshakes with a peer, from either side.</summary>
internal sealed partial class Peer
{
    private readonly byte[] _greatestTimestamp = new byte[Tai64n.Size];
    private readonly byte[] _lastTimestampSent = new byte[Tai64n.Size];
    private InitiatorHandshake? _pending;
    private long _handshakeSentMs = long.MinValue / 2;
    private long _initiationTakenMs = long.MinValue / 2;

    /// <summary>Sends an initiation, unless a handshake message went out within 5 s or it is unknown where the peer is.</summary>
    /// <param name="isRetry">Counts against the 90 s that a handshake is tried.</param>
    public void StartHandshake(bool isRetry)
    {
        if (!isRetry)
        {
            _timers.ResetAttempts();
        }

        lock (_gate)
        {
            var now = _engine.Clock.NowMs;
            if (_removed || _identity.IsLowOrder || _endpoint is not { } endpoint || now - _handshakeSentMs < Limits.RekeyTimeoutMs)
            {
                return;
            }

            ClearHandshakeLocked();
            _handshakeSentMs = now;
            Span<byte> timestamp = stackalloc byte[Tai64n.Size];
            NextTimestampLocked(timestamp);
            _pending = new InitiatorHandshake(_engine.Identity, _identity, _engine.Indices.Reserve(this));
            Span<byte> message = stackalloc byte[WireFormat.InitiationSize];
            _pending.WriteInitiation(message, timestamp);
            _cookies.WriteMacs(message);
            SendHandshakeMessage(endpoint, message);
            _timers.AuthenticatedSent();
            _timers.Traversed(now);
            _timers.InitiationSent(now);
        }
    }

    /// <summary>The network changed: a handshake now, whenever the last one was.</summary>
    public void StartHandshakeAtOnce()
    {
        lock (_gate)
        {
            _handshakeSentMs = long.MinValue / 2;
        }

        ForgetSource();
        StartHandshake(isRetry: false);
    }

    /// <summary>Answers an initiation that named this peer; silent when it is forged, replayed or too soon.</summary>
    public void Answer(ResponderHandshake handshake, ReadOnlySpan<byte> initiation, UdpEndpoint from)
    {
        Span<byte> timestamp = stackalloc byte[Tai64n.Size];
        lock (_gate)
        {
            var now = _engine.Clock.NowMs;
            if (_removed || !handshake.TryReadTimestamp(initiation, _identity, timestamp)
                || !Tai64n.IsAfter(timestamp, _greatestTimestamp)
                || now - _initiationTakenMs <= Limits.InitiationIntervalMs)
            {
                return;
            }

            timestamp.CopyTo(_greatestTimestamp);
            _initiationTakenMs = now;

            var index = _engine.Indices.Reserve(this);
            Span<byte> response = stackalloc byte[WireFormat.ResponseSize];
            if (handshake.WriteResponse(response, _identity, index) is not { } keys)
            {
                _engine.Indices.Remove(index);
                return;
            }

            _cookies.WriteMacs(response);
            var session = new Session(this, index, keys, now);
            _engine.Indices.Promote(session);
            InstallRespondedLocked(session);
            _handshakeSentMs = now;
            RoamTo(from);
            Interlocked.Add(ref _receivedBytes, initiation.Length);
            SendHandshakeMessage(from, response);
            _timers.AuthenticatedReceived();
            _timers.AuthenticatedSent();
            _timers.Traversed(now);
            _timers.SessionDerived(now);
        }
    }

    /// <summary>Takes the response to our initiation; silent when it is forged or late.</summary>
    public void Complete(ReadOnlySpan<byte> response, uint receiverIndex, UdpEndpoint from)
    {
        lock (_gate)
        {
            if (_removed || _pending is not { } pending || pending.LocalIndex != receiverIndex
                || pending.ReadResponse(response) is not { } keys)
            {
                return;
            }

            var now = _engine.Clock.NowMs;
            var session = new Session(this, pending.LocalIndex, keys, now);
            _engine.Indices.Promote(session);
            _pending = null;
            pending.Dispose();
            InstallInitiatedLocked(session);
            RoamTo(from);
            Interlocked.Add(ref _receivedBytes, response.Length);
            _timers.AuthenticatedReceived();
            _timers.Traversed(now);
            _timers.SessionDerived(now);
            CompleteHandshakeLocked();
        }

        // Packets that wait, or an empty one: the responder may not send before it hears from us.
        SendKeepalive();
    }

    public void TakeCookie(ReadOnlySpan<byte> reply)
    {
        lock (_gate)
        {
            // No handshake is begun for it: the running one's next try carries the cookie.
            _ = !_removed && _cookies.TryTake(reply);
        }
    }

    /// <summary>90 s without an answer: what waited is dropped; the next packet begins again.</summary>
    public void GiveUpHandshake()
    {
        lock (_gate)
        {
            ClearHandshakeLocked();
            ClearStagedLocked();
        }

        _engine.ReportUnanswered(this);
    }

    private void CompleteHandshakeLocked()
    {
        _timers.HandshakeCompleted();
        _sentLastMinuteHandshake = false;
        _mustRekey = false;
        Interlocked.Exchange(ref _lastHandshakeTicks, _engine.Clock.UtcNow.UtcTicks);
    }

    private void ClearHandshakeLocked()
    {
        if (_pending is { } pending)
        {
            _engine.Indices.Remove(pending.LocalIndex);
            pending.Dispose();
            _pending = null;
        }
    }

    private void NextTimestampLocked(Span<byte> timestamp)
    {
        Tai64n.Write(_engine.Clock.UtcNow, timestamp);
        if (!Tai64n.IsAfter(timestamp, _lastTimestampSent))
        {
            // The wall clock was set back, or whitening hides the difference; the peer takes only later ones.
            _lastTimestampSent.CopyTo(timestamp);
            Tai64n.Increment(timestamp);
        }

        timestamp.CopyTo(_lastTimestampSent);
    }

    private void SendHandshakeMessage(UdpEndpoint to, ReadOnlySpan<byte> message)
    {
        if (_engine.Socket.Send(to, message, message.Length, ecn: 0))
        {
            Interlocked.Add(ref _sentBytes, message.Length);
        }
    }
}
