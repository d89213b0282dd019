namespace NetBird.ControlPlane.Usage;

/// <summary>What <c>GET /api/agent-network/usage/overview</c> asks for.</summary>
/// <param name="From">First moment, inclusive.</param>
/// <param name="To">Last moment, exclusive.</param>
/// <param name="Granularity">Length of the spans.</param>
/// <param name="GroupBy">What the sums are split by.</param>
/// <param name="Zone">Where days, weeks (from Monday) and months begin. Hours are the zone's too.</param>
/// <param name="Only">Some keys' sums alone, such as one person's; null: everybody's.</param>
internal sealed record OverviewQuery(
    DateTimeOffset From, DateTimeOffset To, Granularity Granularity, OverviewKey GroupBy, TimeZoneInfo Zone,
    IReadOnlyList<string>? Only = null);

/// <summary>Spans of an overview.</summary>
internal enum Granularity
{
    Hour = 1,
    Day = 2,
    Week = 3,
    Month = 4,

    /// <summary>One span: the range itself.</summary>
    Whole = 5,
}

/// <summary>What an overview is split by. A group is the one a request was charged to, so that sums add up.</summary>
public enum OverviewKey
{
    User = 1,
    Group = 2,
    Model = 3,
    Provider = 4,
}

/// <summary>The sums of one span and key.</summary>
/// <param name="Start">Start of the span; the first one's may lie before <see cref="OverviewQuery.From"/>.</param>
/// <param name="End">End of the span.</param>
/// <param name="Key">User, group or provider id, or model; empty where a request had none (refused before it was known).</param>
/// <param name="Totals">The sums, of requests within From and To only.</param>
internal sealed record OverviewRow(DateTimeOffset Start, DateTimeOffset End, string Key, UsageTotals Totals);
