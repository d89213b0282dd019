namespace NetBird.ControlPlane.Usage;

/// <summary>Hours, days, weeks and months of a time zone, as moments.</summary>
internal static class Spans
{
    /// <summary>Every span that overlaps the query's range, in order.</summary>
    public static IEnumerable<(DateTimeOffset Start, DateTimeOffset End)> Of(OverviewQuery query)
    {
        if (query.Granularity is Granularity.Whole)
        {
            if (query.From < query.To)
            {
                yield return (query.From.ToUniversalTime(), query.To.ToUniversalTime());
            }

            yield break;
        }

        var local = Floor(TimeZoneInfo.ConvertTime(query.From, query.Zone).DateTime, query.Granularity);
        var start = ToUtc(local, query.Zone);
        if (query.Granularity is Granularity.Hour)
        {
            // By real hours: where the clock is put forward or back, local hours are missing or come twice.
            start = query.From - TimeSpan.FromTicks((query.From.UtcTicks + query.Zone.GetUtcOffset(query.From).Ticks) % TimeSpan.TicksPerHour);
        }

        while (start < query.To)
        {
            var end = start + TimeSpan.FromHours(1);
            if (query.Granularity is not Granularity.Hour)
            {
                local = Next(local, query.Granularity);
                end = ToUtc(local, query.Zone);
            }

            yield return (start.ToUniversalTime(), end.ToUniversalTime());
            start = end;
        }
    }

    /// <summary>A moment less a span, or the first moment there is.</summary>
    public static DateTimeOffset Earlier(DateTimeOffset at, TimeSpan by) => at - DateTimeOffset.MinValue > by ? at - by : DateTimeOffset.MinValue;

    private static DateTime Floor(DateTime local, Granularity granularity) => granularity switch
    {
        Granularity.Hour or Granularity.Day => local.Date,
        Granularity.Week => local.Date.AddDays(-(((int)local.DayOfWeek + 6) % 7)),
        Granularity.Month => new(local.Year, local.Month, 1, 0, 0, 0, DateTimeKind.Unspecified),
        _ => throw new ArgumentOutOfRangeException(nameof(granularity), granularity, "Not a granularity."),
    };

    private static DateTime Next(DateTime local, Granularity granularity) => granularity switch
    {
        Granularity.Day => local.AddDays(1),
        Granularity.Week => local.AddDays(7),
        _ => local.AddMonths(1),
    };

    /// <summary>A midnight that the clock skips begins when the clock goes on.</summary>
    private static DateTimeOffset ToUtc(DateTime local, TimeZoneInfo zone)
    {
        while (zone.IsInvalidTime(local))
        {
            local = local.AddMinutes(15);
        }

        return new DateTimeOffset(local, zone.IsAmbiguousTime(local) ? zone.GetAmbiguousTimeOffsets(local).Max() : zone.GetUtcOffset(local))
            .ToUniversalTime();
    }
}
