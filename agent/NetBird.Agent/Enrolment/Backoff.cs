namespace NetBird.Agent.Enrolment;

/// <summary>
/// Waits between attempts. Ours: quick at first, since most outages are a restart; at most 2 s for the first two
/// minutes, so that a control plane that comes back is found within 3 s; then slower, to 30 s. Half of each wait is
/// random, so that a thousand agents that lost one control plane do not return in one instant.
/// </summary>
internal sealed class Backoff(TimeProvider time)
{
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan EarlyEnds = TimeSpan.FromMinutes(2);

    /// <summary>The longest wait of the first two minutes; our control plane is found within 3 s.</summary>
    public TimeSpan Early { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>The longest wait after that.</summary>
    public TimeSpan Late { get; init; } = TimeSpan.FromSeconds(30);

    private int _attempts;
    private long _since;

    public TimeSpan Next()
    {
        if (_attempts++ == 0)
        {
            _since = time.GetTimestamp();
        }

        var ceiling = time.GetElapsedTime(_since) < EarlyEnds ? Early : Late;
        var doubled = First * Math.Pow(2, Math.Min(_attempts - 1, 10));
        var wait = doubled < ceiling ? doubled : ceiling;
        return wait * (0.5 + (Random.Shared.NextDouble() / 2));
    }

    public void Reset() => _attempts = 0;
}
