using System.Globalization;
using NetBird.ControlPlane.Usage;

namespace NetBird.ControlPlane.Dashboard.Viewing;

/// <summary>A range of time with spans that make a readable chart of it.</summary>
/// <param name="Name">As chosen.</param>
/// <param name="From">Inclusive.</param>
/// <param name="To">Exclusive.</param>
/// <param name="Granularity">Spans of the chart.</param>
internal sealed record TimeRange(string Name, DateTimeOffset From, DateTimeOffset To, Granularity Granularity)
{
    public const string Custom = "Custom";

    public static readonly string[] Names =
        ["Last hour", "Last 24 hours", "Today", "Last 7 days", "Last 30 days", "This month", "Last month", "Last 12 months", Custom];

    /// <summary>The range of the same length just before.</summary>
    public TimeRange Before() => this with { From = From - (To - From), To = From };

    /// <summary>Midnight at the start of a day of the zone.</summary>
    public static DateTimeOffset Midnight(DateTime date, TimeZoneInfo zone)
    {
        var local = DateTime.SpecifyKind(date, DateTimeKind.Unspecified);
        while (zone.IsInvalidTime(local))
        {
            local = local.AddMinutes(15);
        }

        return new(local, zone.GetUtcOffset(local));
    }
}

/// <summary>A range as people choose it: by a name that moves with the clock, or by two days.</summary>
/// <param name="Name">One of <see cref="TimeRange.Names"/>.</param>
/// <param name="First">First day, for <see cref="TimeRange.Custom"/>.</param>
/// <param name="Last">Last day, itself included.</param>
public sealed record RangeChoice(string Name, DateOnly? First = null, DateOnly? Last = null)
{
    /// <summary>The range now, in the zone where days begin.</summary>
    internal TimeRange At(DateTimeOffset now, TimeZoneInfo zone)
    {
        var local = TimeZoneInfo.ConvertTime(now, zone);
        var month = new DateTime(local.Year, local.Month, 1, 0, 0, 0, DateTimeKind.Unspecified);
        return Name switch
        {
            "Last hour" => new(Name, now.AddHours(-1), now, Granularity.Hour),
            "Today" => new(Name, Day(local.Date), now, Granularity.Hour),
            "Last 7 days" => new(Name, Day(local.Date.AddDays(-6)), now, Granularity.Day),
            "Last 30 days" => new(Name, Day(local.Date.AddDays(-29)), now, Granularity.Day),
            "This month" => new(Name, Day(month), now, Granularity.Day),
            "Last month" => new(Name, Day(month.AddMonths(-1)), Day(month), Granularity.Day),
            "Last 12 months" => new(Name, Day(month.AddMonths(-11)), now, Granularity.Month),
            TimeRange.Custom when First is { } first && Last is { } last && first <= last
                => Between(Day(first.ToDateTime(default)), Day(last.AddDays(1).ToDateTime(default))),
            _ => new("Last 24 hours", WholeHour(now.AddHours(-23)), now, Granularity.Hour),
        };

        DateTimeOffset Day(DateTime date) => TimeRange.Midnight(date, zone);

        // The hour that runs and those before it, as days begin at midnight: no bar of the chart is a part of one.
        DateTimeOffset WholeHour(DateTimeOffset at) => at - TimeSpan.FromTicks((at.UtcTicks + zone.GetUtcOffset(at).Ticks) % TimeSpan.TicksPerHour);
    }

    /// <summary>As an address has it; <see cref="Read"/> takes it back.</summary>
    internal (string Name, string? Value)[] ToParts() =>
    [
        ("range", Name), ("first", First?.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)), ("last", Last?.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)),
    ];

    /// <summary>What an address asks for, or null where it asks for none that there is.</summary>
    internal static RangeChoice? Read(Func<string, string?> find)
    {
        if (DateOnly.TryParseExact(find("first"), "yyyy-MM-dd", out var first) && DateOnly.TryParseExact(find("last"), "yyyy-MM-dd", out var last) && first <= last)
        {
            return new(TimeRange.Custom, first, last);
        }

        return find("range") is { } name && name != TimeRange.Custom && TimeRange.Names.Contains(name) ? new(name) : null;
    }

    private static TimeRange Between(DateTimeOffset from, DateTimeOffset to) => new(TimeRange.Custom, from, to, (to - from).TotalDays switch
    {
        <= 3 => Granularity.Hour,
        <= 70 => Granularity.Day,
        <= 400 => Granularity.Week,
        _ => Granularity.Month,
    });
}
