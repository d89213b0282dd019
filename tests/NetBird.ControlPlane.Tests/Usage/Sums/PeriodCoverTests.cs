using CsCheck;
using NetBird.ControlPlane.Usage.Sums;

namespace NetBird.ControlPlane.Tests.Usage.Sums;

public sealed class PeriodCoverTests
{
    private static readonly int[][] Lengths = [[24, 1], [672, 168, 24, 1], [7, 3, 1], [1]];

    [Fact]
    public void Of_AnyRange_CoversEachOfItsHoursOnce()
        => Gen.Select(Gen.Long[17_000_000, 17_001_000], Gen.Long[0, 9_000], Gen.Int[0, Lengths.Length - 1].Select(i => Lengths[i])).Sample(
            (first, hours, lengths) =>
            {
                var counts = new Dictionary<long, int>();
                foreach (var cover in PeriodCover.Of(first, first + hours, lengths))
                {
                    for (var hour = cover.First * cover.Length; hour < cover.Last * cover.Length; hour++)
                    {
                        counts[hour] = counts.GetValueOrDefault(hour) + cover.Sign;
                    }
                }

                return counts.All(count => count.Value == (count.Key >= first && count.Key < first + hours ? 1 : 0))
                    && counts.Count(count => count.Value == 1) == hours;
            },
            iter: 5_000);

    [Fact]
    public void Of_ADayOfAnotherZone_IsADayAndAFewHours()
        => Assert.Equal(
            [new(24, 1_000, 1_001, 1), new(1, 23_999, 24_000, 1), new(1, 24_023, 24_024, -1)],
            PeriodCover.Of(23_999, 24_023, [24, 1]));

    [Fact]
    public void Of_AnyYear_IsNoMoreThanThirtyLongPeriodsAndDays()
        => Gen.Long[700_000, 701_000].Sample(
            day => PeriodCover.Of(day * 24, (day + 365) * 24, [672, 168, 24, 1]).Sum(part => part.Last - part.First) <= 30,
            iter: 2_000);
}
