using System.Buffers;
using NetBird.WireGuard.Userspace.Sessions;
using NetBird.WireGuard.Userspace.Sockets;

namespace NetBird.WireGuard.Userspace.Peers;

/// <summary>Sessions of a peer (previous, current, next) and the packets staged while there is none.</summary>
internal sealed partial class Peer
{
    private readonly Queue<(byte[] Buffer, int Length)> _staged = new(0);
    private volatile Session? _previous;
    private volatile Session? _current;
    private volatile Session? _next;
    private volatile bool _mustRekey;
    private volatile bool _sentLastMinuteHandshake;

    /// <summary>The session to seal with now, or null: then stage the packet and start a handshake.</summary>
    public Session? SessionToSend(long now) => _current is { } session && session.IsAlive(now) ? session : null;

    /// <summary>There is a session, or was one, or one is being made or kept.</summary>
    public bool IsSought => _current is not null || _pending is not null || PersistentKeepaliveMs > 0 || Interlocked.Read(ref _lastHandshakeTicks) != 0;

    /// <summary>The machine slept or changed networks: the next packet also starts a handshake.</summary>
    public void DistrustSessions() => _mustRekey = true;

    /// <summary>Sends sealed messages that are packets, or a keepalive, of <paramref name="session"/>.</summary>
    public void SendSealed(Session session, ReadOnlySpan<byte> datagrams, int datagramSize, byte ecn, bool isData, long now)
    {
        if (_endpoint is { } endpoint && _engine.Socket.Send(endpoint, datagrams, datagramSize, ecn))
        {
            Interlocked.Add(ref _sentBytes, datagrams.Length);
        }

        _timers.AuthenticatedSent();
        if (isData)
        {
            _timers.DataSent(now);
        }

        _timers.Traversed(now);

        // Section 6.2: the initiator renews after 120 s; either end after 2^60 messages.
        if (_mustRekey
            || session.SentMessages > Limits.RekeyAfterMessages
            || (session.IsInitiator && now - session.CreatedMs > Limits.RekeyAfterMs))
        {
            _mustRekey = false;
            StartHandshake(isRetry: false);
        }
    }

    /// <summary>
    /// An empty message: proves that we are here. Packets that wait are sent instead; without a session a handshake starts.
    /// </summary>
    public void SendKeepalive()
    {
        var now = _engine.Clock.NowMs;
        _engine.CheckForJump(now);
        if (SessionToSend(now) is not { } session)
        {
            StartHandshake(isRetry: false);
            return;
        }

        if (FlushStaged())
        {
            return;
        }

        Span<byte> message = stackalloc byte[WireFormat.KeepaliveSize];
        if (session.TrySeal(message))
        {
            SendSealed(session, message, message.Length, ecn: 0, isData: false, now);
        }
    }

    /// <summary>Keeps a packet until there is a session, and sees to it that there will be one.</summary>
    public void Stage(ReadOnlySpan<byte> packet, long now)
    {
        lock (_gate)
        {
            if (_removed)
            {
                return;
            }

            // The oldest is the least use by now.
            if (_staged.Count == Limits.StagedPackets && _staged.TryDequeue(out var oldest))
            {
                ArrayPool<byte>.Shared.Return(oldest.Buffer);
            }

            var buffer = ArrayPool<byte>.Shared.Rent(packet.Length);
            packet.CopyTo(buffer);
            _staged.Enqueue((buffer, packet.Length));
        }

        if (SessionToSend(now) is not null)
        {
            FlushStaged();
        }
        else
        {
            StartHandshake(isRetry: false);
        }
    }

    /// <summary>A message of this session proved authentic.</summary>
    /// <param name="session">Whose keys opened it.</param>
    /// <param name="from">Where it came from; the peer is there now.</param>
    /// <param name="size">Bytes of the message.</param>
    /// <param name="isData">False for a keepalive.</param>
    /// <param name="now">The engine's clock.</param>
    public void Received(Session session, in DatagramSource from, int size, bool isData, long now)
    {
        if (session == _next)
        {
            PromoteNext(session);
        }

        RoamTo(from);
        Interlocked.Add(ref _receivedBytes, size);
        _timers.AuthenticatedReceived();
        _timers.Traversed(now);
        if (isData)
        {
            _timers.DataReceived(now);
        }

        // Section 6.2: who only receives, and began the session, renews it before it dies, once.
        if (!_sentLastMinuteHandshake && _current is { IsInitiator: true } current
            && now - current.CreatedMs > Limits.RejectAfterMs - Limits.KeepaliveTimeoutMs - Limits.RekeyTimeoutMs)
        {
            _sentLastMinuteHandshake = true;
            StartHandshake(isRetry: false);
        }
    }

    /// <summary>Nothing was heard for 540 s: every key of a session or handshake is wiped.</summary>
    public void ZeroKeys()
    {
        lock (_gate)
        {
            ClearSessionsLocked();
            ClearHandshakeLocked();
        }
    }

    private void InstallInitiatedLocked(Session session)
    {
        // The responder's answer confirmed it, so it is current at once. A session of theirs that never carried data
        // is kept as previous: they may have sent under it meanwhile.
        if (_next is { } next)
        {
            _next = null;
            Retire(_previous);
            Retire(_current);
            _previous = next;
        }
        else
        {
            Retire(_previous);
            _previous = _current;
        }

        _current = session;
    }

    private void InstallRespondedLocked(Session session)
    {
        // Not used to send before they show that they have it (section 5.4.6, key confirmation).
        Retire(_next);
        Retire(_previous);
        _previous = null;
        _next = session;
    }

    private void PromoteNext(Session session)
    {
        lock (_gate)
        {
            if (session != _next)
            {
                return;
            }

            Retire(_previous);
            _previous = _current;
            _current = session;
            _next = null;
            CompleteHandshakeLocked();
        }

        FlushStaged();
    }

    private void Retire(Session? session)
    {
        if (session is not null)
        {
            _engine.Indices.Remove(session.LocalIndex);
            session.Dispose();
        }
    }

    private void ClearSessionsLocked()
    {
        Retire(_previous);
        Retire(_current);
        Retire(_next);
        _previous = _current = _next = null;
    }

    private void ClearStagedLocked()
    {
        while (_staged.TryDequeue(out var staged))
        {
            ArrayPool<byte>.Shared.Return(staged.Buffer);
        }
    }

    private bool FlushStaged()
    {
        var any = false;
        var train = _engine.RentTrain();
        while (true)
        {
            (byte[] Buffer, int Length) staged;
            lock (_gate)
            {
                if (_removed || !_staged.TryDequeue(out staged))
                {
                    break;
                }
            }

            any = true;
            train.Add(staged.Buffer.AsSpan(0, staged.Length));
            ArrayPool<byte>.Shared.Return(staged.Buffer);
        }

        train.Flush();
        _engine.ReturnTrain(train);
        return any;
    }
}
