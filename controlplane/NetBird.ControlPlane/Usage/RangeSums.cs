using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage;

/// <summary>What a range comes to in all.</summary>
internal static class RangeSums
{
    /// <summary>From the sums of whole hours, and of rows at the range's ends.</summary>
    /// <param name="ledger">Whose sums.</param>
    /// <param name="from">Inclusive.</param>
    /// <param name="to">Exclusive.</param>
    /// <param name="of">One person; null: everybody.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task<UsageTotals> SumAsync(
        this IUsageLedger ledger, DateTimeOffset from, DateTimeOffset to, UserId? of, CancellationToken cancellationToken)
    {
        // Everybody's may be split by anything; there are fewest providers. One span is the same in every zone.
        var query = of is { } user
            ? new OverviewQuery(from, to, Granularity.Whole, OverviewKey.User, TimeZoneInfo.Utc, [user.Value])
            : new OverviewQuery(from, to, Granularity.Whole, OverviewKey.Provider, TimeZoneInfo.Utc);
        var rows = await ledger.OverviewAsync(query, cancellationToken);
        return rows.Aggregate(default(UsageTotals), (sum, row) => sum + row.Totals);
    }
}
