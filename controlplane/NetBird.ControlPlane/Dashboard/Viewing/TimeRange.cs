using NetBird.ControlPlane.Usage;

namespace NetBird.ControlPlane.Dashboard.Viewing;

/// <summary>A range people choose by name, in their own time zone.</summary>
/// <param name="Name">As chosen.</param>
/// <param name="From">Inclusive.</param>
/// <param name="To">Exclusive.</param>
/// <param name="Granularity">Spans that make a readable chart of it.</param>
internal sealed record TimeRange(string Name, DateTimeOffset From, DateTimeOffset To, Granularity Granularity)
{
    public static readonly string[] Names = ["Last 24 hours", "Today", "Last 7 days", "Last 30 days", "This month", "Last 12 months"];

    /// <summary>The range of this name that ends now.</summary>
    public static TimeRange Named(string name, DateTimeOffset now, TimeZoneInfo zone)
    {
        var local = TimeZoneInfo.ConvertTime(now, zone);
        var today = Midnight(local.Date, zone);
        return name switch
        {
            "Today" => new(name, today, now, Granularity.Hour),
            "Last 7 days" => new(name, Midnight(local.Date.AddDays(-6), zone), now, Granularity.Day),
            "Last 30 days" => new(name, Midnight(local.Date.AddDays(-29), zone), now, Granularity.Day),
            "This month" => new(name, Midnight(new(local.Year, local.Month, 1), zone), now, Granularity.Day),
            "Last 12 months" => new(name, Midnight(new DateTime(local.Year, local.Month, 1).AddMonths(-11), zone), now, Granularity.Month),
            _ => new("Last 24 hours", now.AddHours(-24), now, Granularity.Hour),
        };
    }

    /// <summary>The range of the same length just before.</summary>
    public TimeRange Before() => this with { From = From - (To - From), To = From };

    private static DateTimeOffset Midnight(DateTime date, TimeZoneInfo zone) => new(date, zone.GetUtcOffset(date));
}
