using System.Collections.Concurrent;

namespace Dashboard.Tests;

/// <summary>The system's time, which can be put forward: timers that would have been due by then are due at once.</summary>
internal sealed class JumpingTime : TimeProvider
{
    private readonly ConcurrentDictionary<JumpingTimer, bool> _timers = [];
    private long _ahead;

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + new TimeSpan(Interlocked.Read(ref _ahead));

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new JumpingTimer(this, base.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan));
        _timers[timer] = true;
        timer.Change(dueTime, period);
        return timer;
    }

    public void Jump(TimeSpan by)
    {
        Interlocked.Add(ref _ahead, by.Ticks);
        foreach (var timer in _timers.Keys)
        {
            timer.FireIfDue();
        }
    }

    private sealed class JumpingTimer(JumpingTime time, ITimer timer) : ITimer
    {
        private DateTimeOffset _due = DateTimeOffset.MaxValue;
        private TimeSpan _period;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            (_due, _period) = (dueTime < TimeSpan.Zero ? DateTimeOffset.MaxValue : time.GetUtcNow() + dueTime, period);
            return timer.Change(dueTime, period);
        }

        public void FireIfDue()
        {
            if (_due <= time.GetUtcNow())
            {
                _due = _period > TimeSpan.Zero ? time.GetUtcNow() + _period : DateTimeOffset.MaxValue;
                timer.Change(TimeSpan.Zero, _period);
            }
        }

        public void Dispose()
        {
            time._timers.TryRemove(this, out _);
            timer.Dispose();
        }

        public ValueTask DisposeAsync()
        {
            time._timers.TryRemove(this, out _);
            return timer.DisposeAsync();
        }
    }
}
