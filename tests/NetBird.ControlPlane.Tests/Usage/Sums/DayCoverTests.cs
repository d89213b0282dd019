using CsCheck;
using NetBird.ControlPlane.Usage.Sums;

namespace NetBird.ControlPlane.Tests.Usage.Sums;

public sealed class DayCoverTests
{
    [Fact]
    public void Of_AnyRange_CoversEachOfItsHoursOnce()
        => Gen.Select(Gen.Long[17_000_000, 17_000_100], Gen.Long[0, 400]).Sample(
            (first, hours) =>
            {
                var counts = new Dictionary<long, int>();
                foreach (var cover in DayCover.Of(first, first + hours))
                {
                    var (from, to) = cover.Days ? (cover.First * 24, cover.Last * 24) : (cover.First, cover.Last);
                    for (var hour = from; hour < to; hour++)
                    {
                        counts[hour] = counts.GetValueOrDefault(hour) + cover.Sign;
                    }
                }

                return counts.All(count => count.Value == (count.Key >= first && count.Key < first + hours ? 1 : 0))
                    && counts.Count(count => count.Value == 1) == hours;
            },
            iter: 20_000);

    [Fact]
    public void Of_ADayOfAnotherZone_IsADayAndAFewHours()
        => Assert.Equal(
            [new(1_000, 1_001, true, 1), new(23_999, 24_000, false, 1), new(24_023, 24_024, false, -1)],
            DayCover.Of(23_999, 24_023));
}
