namespace NetBird.Gateway.Authorization;

/// <summary>
/// Time for limits and raises of them: it never goes back. It follows the wall clock forward; when the wall clock jumps back, it goes on from where
/// it was at the speed of the monotonic clock until the wall has caught up. So a clock set back neither frees budget nor
/// stops windows from rolling.
/// </summary>
/// <param name="time">Wall clock and monotonic clock.</param>
public sealed class SteadyClock(TimeProvider time)
{
    private readonly Lock _gate = new();
    private long _lastTicks;
    private long _lastStamp;

    /// <summary>Now, not earlier than any answer before.</summary>
    public DateTimeOffset Now()
    {
        lock (_gate)
        {
            var stamp = time.GetTimestamp();
            var wall = time.GetUtcNow().UtcTicks;
            var steady = _lastTicks == 0 ? wall : _lastTicks + Math.Max(0, time.GetElapsedTime(_lastStamp, stamp).Ticks);

            // Behind the last answer by a tick or by hours, the same: go on from it.
            _lastTicks = Math.Max(Math.Max(wall, _lastTicks), wall < _lastTicks ? steady : wall);
            _lastStamp = stamp;
            return new(_lastTicks, TimeSpan.Zero);
        }
    }
}
