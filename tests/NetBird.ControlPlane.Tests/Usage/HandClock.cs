namespace NetBird.ControlPlane.Tests.Usage;

/// <summary>A wall clock that can be set back, which FakeTimeProvider refuses, beside a monotonic one that cannot.</summary>
internal sealed class HandClock(DateTimeOffset wall) : TimeProvider
{
    private long _stamp;

    public DateTimeOffset Wall { get; set; } = wall;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => Wall;

    public override long GetTimestamp() => _stamp;

    public void Pass(TimeSpan time)
    {
        Wall += time;
        _stamp += time.Ticks;
    }
}
