using System.Collections.Concurrent;

namespace NetBird.ControlPlane.Hosting;

/// <summary>
/// How many calls each caller may make: a burst, and a steady pace from then on (the generic cell rate algorithm, ATM
/// Forum Traffic Management 4.0 section 4.4.2). Of a caller one time is kept, and nothing runs while nobody calls: the
/// framework's limiters wake up ten times a second each, for as long as the process lives.
/// </summary>
/// <param name="burst">Calls that may come at once.</param>
/// <param name="perMinute">Calls a minute from then on.</param>
/// <param name="time">Clock.</param>
internal sealed class CallPace(int burst, int perMinute, TimeProvider time)
{
    // Ours: callers that paused long enough to be forgotten are looked for when that many are known.
    private const int Sweep = 1024;

    private readonly TimeSpan _each = TimeSpan.FromMinutes(1) / perMinute;
    private readonly long _began = time.GetTimestamp();

    // When the caller's last call would have been made at the steady pace, since we began.
    private readonly ConcurrentDictionary<string, TimeSpan> _due = new(StringComparer.Ordinal);
    private int _sweepAt = Sweep;

    /// <summary>Callers that are remembered.</summary>
    public int Known => _due.Count;

    /// <summary>Takes a call in; zero, or how long the caller has to wait when it is one too many.</summary>
    public TimeSpan Take(string caller)
    {
        var now = time.GetElapsedTime(_began);
        if (_due.Count >= Volatile.Read(ref _sweepAt))
        {
            Forget(now);
        }

        while (true)
        {
            var known = _due.TryGetValue(caller, out var due);
            var next = (known && due > now ? due : now) + _each;
            var wait = next - now - (_each * burst);
            if (wait > TimeSpan.Zero)
            {
                return wait;
            }

            if (known ? _due.TryUpdate(caller, next, due) : _due.TryAdd(caller, next))
            {
                return TimeSpan.Zero;
            }
        }
    }

    /// <summary>Whose pace has caught up is as good as one who never called.</summary>
    private void Forget(TimeSpan now)
    {
        foreach (var entry in _due)
        {
            if (entry.Value <= now)
            {
                _due.TryRemove(entry);
            }
        }

        Volatile.Write(ref _sweepAt, Math.Max(Sweep, _due.Count * 2));
    }
}
