namespace NetBird.WireGuard.Userspace.Peers;

/// <summary>
/// The deadlines of one peer (WireGuard paper, section 6; the rules as in wireguard-go <c>device/timers.go</c>). Packets only
/// write deadlines; one operating-system timer per peer is set anew only when a deadline comes before it, and looks at all of
/// them when it fires. So a packet costs a few stores, and an idle peer no timer at all.
/// </summary>
internal sealed class PeerTimers(Peer peer, EngineClock clock) : IDisposable
{
    private const long Never = 0;

    private readonly Lock _gate = new();
    private ITimer? _timer;
    private long _timerDue = long.MaxValue;
    private bool _disposed;

    // Deadlines on the engine's clock; zero while not running.
    private long _retransmit;
    private long _newHandshake;
    private long _keepalive;
    private long _zeroKeys;
    private long _persistent;
    private int _attempts;
    private volatile bool _needsAnotherKeepalive;

    /// <summary>Data left for the peer: it must answer within 15 s, or a new handshake is made.</summary>
    public void DataSent(long now)
    {
        if (Volatile.Read(ref _newHandshake) == Never)
        {
            Arm(ref _newHandshake, now + Limits.KeepaliveTimeoutMs + Limits.RekeyTimeoutMs + Jitter());
        }
    }

    /// <summary>Data came: unless something else is sent within 10 s, a keepalive is.</summary>
    public void DataReceived(long now)
    {
        if (Volatile.Read(ref _keepalive) == Never)
        {
            Arm(ref _keepalive, now + Limits.KeepaliveTimeoutMs);
        }
        else
        {
            _needsAnotherKeepalive = true;
        }
    }

    public void AuthenticatedSent() => Volatile.Write(ref _keepalive, Never);

    public void AuthenticatedReceived() => Volatile.Write(ref _newHandshake, Never);

    /// <summary>Anything authenticated passed, either way; persistent keepalives count from here.</summary>
    public void Traversed(long now)
    {
        if (peer.PersistentKeepaliveMs is > 0 and var interval)
        {
            Arm(ref _persistent, now + interval);
        }
    }

    public void InitiationSent(long now) => Arm(ref _retransmit, now + Limits.RekeyTimeoutMs + Jitter());

    /// <summary>A handshake is begun for a new reason; it may be tried for 90 s.</summary>
    public void ResetAttempts() => Volatile.Write(ref _attempts, 0);

    public void HandshakeCompleted()
    {
        Volatile.Write(ref _retransmit, Never);
        ResetAttempts();
    }

    public void SessionDerived(long now) => Arm(ref _zeroKeys, now + Limits.ZeroKeysAfterMs);

    /// <summary>The operating-system timer fired.</summary>
    public void Fire()
    {
        var now = clock.NowMs;
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            _timerDue = long.MaxValue;
        }

        if (Take(ref _retransmit, now))
        {
            RetryHandshake(now);
        }

        if (Take(ref _keepalive, now))
        {
            peer.SendKeepalive();
            if (_needsAnotherKeepalive)
            {
                _needsAnotherKeepalive = false;
                Arm(ref _keepalive, now + Limits.KeepaliveTimeoutMs);
            }
        }

        if (Take(ref _newHandshake, now))
        {
            peer.ForgetSource();
            peer.StartHandshake(isRetry: false);
        }

        if (Take(ref _zeroKeys, now))
        {
            peer.ZeroKeys();
        }

        if (Take(ref _persistent, now) && peer.PersistentKeepaliveMs > 0)
        {
            peer.SendKeepalive();
        }

        Reschedule();
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            _timer?.Dispose();
            _timer = null;
        }
    }

    private static int Jitter() => Random.Shared.Next(Limits.RekeyJitterMs + 1);

    private static bool Take(ref long deadline, long now)
    {
        var due = Volatile.Read(ref deadline);
        return due != Never && due <= now && Interlocked.CompareExchange(ref deadline, Never, due) == due;
    }

    private void RetryHandshake(long now)
    {
        if (Interlocked.Increment(ref _attempts) > Limits.HandshakeAttempts)
        {
            // The peer is not there: what waits for it is dropped, and its keys go unless it comes back.
            Volatile.Write(ref _keepalive, Never);
            peer.GiveUpHandshake();
            if (Volatile.Read(ref _zeroKeys) == Never)
            {
                Arm(ref _zeroKeys, now + Limits.ZeroKeysAfterMs);
            }

            return;
        }

        peer.ForgetSource();
        peer.StartHandshake(isRetry: true);
    }

    private void Arm(ref long deadline, long due)
    {
        Volatile.Write(ref deadline, due);
        if (due < Volatile.Read(ref _timerDue))
        {
            Schedule(due);
        }
    }

    private void Schedule(long due)
    {
        lock (_gate)
        {
            if (_disposed || due >= _timerDue)
            {
                return;
            }

            _timerDue = due;
            _timer ??= clock.CreateTimer(static state => ((PeerTimers)state!).Fire(), this);
            _ = _timer.Change(TimeSpan.FromMilliseconds(Math.Max(0, due - clock.NowMs)), Timeout.InfiniteTimeSpan);
        }
    }

    private void Reschedule()
    {
        var next = long.MaxValue;
        foreach (var due in (ReadOnlySpan<long>)
            [Volatile.Read(ref _retransmit), Volatile.Read(ref _newHandshake), Volatile.Read(ref _keepalive), Volatile.Read(ref _zeroKeys), Volatile.Read(ref _persistent)])
        {
            if (due != Never && due < next)
            {
                next = due;
            }
        }

        if (next != long.MaxValue)
        {
            Schedule(next);
        }
    }
}
