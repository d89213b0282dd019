using NetBird.Policy.Limits;

namespace NetBird.Policy.Tests.Limits;

public sealed class SteadyClockTests
{
    [Fact]
    public void Now_WallSetBack_GoesOnAtTheSpeedOfTime()
    {
        var hand = new HandClock(Scene.Noon);
        var clock = new SteadyClock(hand);
        Assert.Equal(Scene.Noon, clock.Now());

        hand.Wall -= TimeSpan.FromHours(5);
        Assert.Equal(Scene.Noon, clock.Now());
        hand.Pass(TimeSpan.FromMinutes(10));
        Assert.Equal(Scene.Noon.AddMinutes(10), clock.Now());
        hand.Wall = Scene.Noon.AddMinutes(11);
        Assert.Equal(Scene.Noon.AddMinutes(11), clock.Now());
    }
}
