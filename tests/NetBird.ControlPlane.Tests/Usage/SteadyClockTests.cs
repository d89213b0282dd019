using NetBird.Gateway.Authorization;

namespace NetBird.ControlPlane.Tests.Usage;

public sealed class SteadyClockTests
{
    private static readonly DateTimeOffset Noon = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Now_WallSetBack_GoesOnAtTheSpeedOfTime()
    {
        var hand = new HandClock(Noon);
        var clock = new SteadyClock(hand);
        Assert.Equal(Noon, clock.Now());

        hand.Wall -= TimeSpan.FromHours(5);
        Assert.Equal(Noon, clock.Now());
        hand.Pass(TimeSpan.FromMinutes(10));
        Assert.Equal(Noon.AddMinutes(10), clock.Now());
        hand.Wall = Noon.AddMinutes(11);
        Assert.Equal(Noon.AddMinutes(11), clock.Now());
    }
}
