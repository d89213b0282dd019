namespace NetBird.WireGuard.Userspace;

/// <summary>
/// Time as the protocol needs it: milliseconds of the monotonic clock for timers, the wall clock for handshake timestamps only.
/// </summary>
internal sealed class EngineClock(TimeProvider time)
{
    // The wall clock leading or trailing the monotonic one by more than this was set by hand or ran through a suspend.
    private const long JumpMs = 5_000;

    private readonly long _origin = time.GetTimestamp();
    private long _offsetMs = WallMs(time);

    /// <summary>Milliseconds since this clock was made; starts at one second so that zero can mean "never".</summary>
    public long NowMs => 1_000 + (long)time.GetElapsedTime(_origin).TotalMilliseconds;

    public DateTimeOffset UtcNow => time.GetUtcNow();

    /// <summary>
    /// True once after the machine slept or its clock was set. Linux's monotonic clock stands still in a suspend, so that
    /// sessions look young which the other end has long forgotten; both cases are answered by new handshakes.
    /// </summary>
    public bool HasJumped(long nowMs)
    {
        var offset = WallMs(time) - (nowMs - 1_000);
        var known = Volatile.Read(ref _offsetMs);
        return Math.Abs(offset - known) > JumpMs && Interlocked.CompareExchange(ref _offsetMs, offset, known) == known;
    }

    public ITimer CreateTimer(TimerCallback callback, object state)
        => time.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

    private static long WallMs(TimeProvider time) => time.GetUtcNow().ToUnixTimeMilliseconds();
}
