using CsCheck;
using NetBird.Policy.Limits;

namespace NetBird.Policy.Tests.Limits;

public sealed class RollingWindowTests
{
    private static readonly long Start = Scene.Noon.UtcTicks;

    [Theory]
    [InlineData(60)]
    [InlineData(3600)]
    [InlineData(366 * 86400)]
    public void Sum_OneUsage_CountsForExactlyTheWindow(int seconds)
    {
        var window = new RollingWindow(TimeSpan.FromSeconds(seconds));
        var end = Start + TimeSpan.FromSeconds(seconds).Ticks;
        window.Add(Start, 7);

        Assert.Equal(end, window.FirstFreesAt);
        Assert.Equal(7, window.Sum(end - 1));
        Assert.Equal(0, window.Sum(end));
        Assert.Null(window.FirstFreesAt);
    }

    /// <summary>Against a list of every usage: never less than counts, never more than what counted a grain ago.</summary>
    [Fact]
    public void Sum_AnyHistory_IsWithinAGrainOfTheTruthAndNeverBelowIt()
        => Gen.Select(
            Gen.Int[60, 400 * 60],
            Gen.Select(Gen.Long[0, 40_000_000], Gen.Long[0, 1_000]).List[1, 600]).Sample(
            (seconds, steps) =>
            {
                var span = TimeSpan.FromSeconds(seconds).Ticks;
                var window = new RollingWindow(TimeSpan.FromSeconds(seconds));
                var all = new List<(long At, long Amount)>();
                var now = Start;
                foreach (var (gap, amount) in steps)
                {
                    now += gap * (seconds / 20 + 1);
                    window.Add(now, amount);
                    all.Add((now, amount));
                    var exact = all.Where(u => u.At + span > now).Sum(u => u.Amount);
                    var grainAgo = all.Where(u => u.At + span + (span / 500) > now).Sum(u => u.Amount);
                    var sum = window.Sum(now);
                    if (sum < exact || sum > grainAgo)
                    {
                        return false;
                    }
                }

                return true;
            },
            iter: 300);

    /// <summary>Prices of any past usages are changed, up and down: what counts is what they cost now, until each leaves the window.</summary>
    [Fact]
    public void Correct_AnyUsages_CountsThemByTheirNewAmount()
        => Gen.Select(Gen.Select(Gen.Long[0, 90_000_000], Gen.Long[0, 1_000], Gen.Long[0, 1_000]).List[1, 400], Gen.Long[0, 2_000_000_000]).Sample(
            (steps, later) =>
            {
                // Grains of 2 s.
                var span = TimeSpan.FromSeconds(1_000).Ticks;
                var window = new RollingWindow(TimeSpan.FromSeconds(1_000));
                var now = Start;
                var all = new List<(long At, long Amount)>();
                foreach (var (gap, amount, priced) in steps)
                {
                    now += gap;
                    window.Add(now, amount);
                    all.Add((now, priced));
                }

                for (var i = 0; i < steps.Count; i++)
                {
                    window.Correct(all[i].At, steps[i].Item3 - steps[i].Item2, now);
                }

                if (window.Sum(now) is var sum && (sum < all.Where(u => u.At + span > now).Sum(u => u.Amount) || sum > all.Where(u => u.At + span + (span / 500) > now).Sum(u => u.Amount) + 2_000))
                {
                    return false;
                }

                now += later;
                return window.Sum(now) >= 0 && (now <= all[^1].At + span || window.Sum(now) == 0);
            },
            iter: 500);

    [Fact]
    public void Correct_MoreIsTakenBackThanWasCounted_NeverCountsLessThanNothing()
    {
        var window = new RollingWindow(TimeSpan.FromMinutes(1));
        window.Add(Start, 5);
        window.Add(Start + TimeSpan.TicksPerSecond, 3);

        window.Correct(Start + TimeSpan.TicksPerSecond, -7, Start + TimeSpan.TicksPerSecond);
        Assert.Equal(1, window.Sum(Start + TimeSpan.TicksPerSecond));
        window.Correct(Start, -7, Start + TimeSpan.TicksPerSecond);
        Assert.Equal(0, window.Sum(Start + TimeSpan.TicksPerSecond));
        window.Correct(Start + TimeSpan.TicksPerSecond, 4, Start + TimeSpan.TicksPerSecond);
        Assert.Equal(4, window.Sum(Start + TimeSpan.TicksPerSecond));
    }

    [Fact]
    public void Add_EarlierThanTheLast_CountsWithTheLast()
    {
        var window = new RollingWindow(TimeSpan.FromMinutes(1));
        window.Add(Start, 1);
        window.Add(Start - TimeSpan.FromSeconds(30).Ticks, 2);

        Assert.Equal(3, window.Sum(Start + TimeSpan.FromSeconds(59).Ticks));
        Assert.Equal(0, window.Sum(Start + TimeSpan.FromSeconds(60).Ticks));
    }

    [Fact]
    public void Add_PastTheRange_StaysFull()
    {
        var window = new RollingWindow(TimeSpan.FromMinutes(1));
        window.Add(Start, long.MaxValue);
        window.Add(Start, 5);
        window.Add(Start + TimeSpan.TicksPerSecond, 5);

        Assert.Equal(long.MaxValue, window.Sum(Start + TimeSpan.TicksPerSecond));
    }

    [Fact]
    public void WhenAtMost_SeveralUsages_IsWhenEnoughOfThemStopCounting()
    {
        var window = new RollingWindow(TimeSpan.FromMinutes(1));
        for (var second = 0; second < 30; second += 10)
        {
            window.Add(Start + (second * TimeSpan.TicksPerSecond), 10);
        }

        var now = Start + (30 * TimeSpan.TicksPerSecond);
        Assert.Equal(now, window.WhenAtMost(30, now));
        Assert.Equal(Start + (60 * TimeSpan.TicksPerSecond), window.WhenAtMost(29, now));
        Assert.Equal(Start + (70 * TimeSpan.TicksPerSecond), window.WhenAtMost(10, now));
        Assert.Equal(Start + (80 * TimeSpan.TicksPerSecond), window.WhenAtMost(0, now));
        Assert.Null(window.WhenAtMost(-1, now));
    }

    [Fact]
    public void Sum_TenMillionAdditions_IsExact()
    {
        var window = new RollingWindow(TimeSpan.FromDays(366));
        for (var i = 0; i < 10_000_000; i++)
        {
            window.Add(Start + (i * TimeSpan.TicksPerSecond), 312_500_001);
        }

        Assert.Equal(10_000_000L * 312_500_001, window.Sum(Start + (10_000_000 * TimeSpan.TicksPerSecond)));
    }
}
