using System.Globalization;
using NetBird.ControlPlane.Dashboard.Charts;
using NetBird.ControlPlane.Usage;
using NetBird.Gateway;
using NetBird.Gateway.Metering;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Dashboard.Viewing;

/// <summary>Everything the overview shows of a range, read at one time.</summary>
internal sealed record OverviewFigures
{
    public required UsageTotals Totals { get; init; }

    /// <summary>Of the period of the same length before.</summary>
    public required UsageTotals Before { get; init; }

    /// <summary>Spent since the first of this month.</summary>
    public required NanoUsd Month { get; init; }

    /// <summary>What the month comes to when its rest goes on as the last seven days did.</summary>
    public required NanoUsd Forecast { get; init; }

    /// <summary>What the prompt would have cost beyond what it did, without a cache, at list prices; below zero: writing cost more.</summary>
    public required NanoUsd CacheSaved { get; init; }

    /// <summary>Of the newest answered requests of the range.</summary>
    public required ResponseTimes Times { get; init; }

    public required IReadOnlyList<string> Labels { get; init; }

    /// <summary>By dimension and key, with the totals of each span.</summary>
    public required IReadOnlyDictionary<OverviewKey, IReadOnlyList<OverviewLine>> Lines { get; init; }
}

/// <summary>One person, group, model or provider of an overview.</summary>
public sealed record OverviewLine(string Key, string Name, UsageTotals Totals, IReadOnlyList<UsageTotals> Spans);

/// <summary>Times to the first byte of the newest requests that were let through, and how many of them the provider failed.</summary>
/// <param name="Sample">How many were looked at, at most 500.</param>
/// <param name="Timed">Those of them that were answered at all.</param>
internal sealed record ResponseTimes(int Sample, int Failed, int Timed, TimeSpan? Median, TimeSpan? P95);

/// <summary>Reads the overview's figures from the ledger.</summary>
internal sealed class OverviewReader(IUsageLedger ledger, DisplayNames names, IServiceProvider services)
{
    private const int Sampled = 500;

    private static readonly OverviewKey[] Dimensions = [OverviewKey.User, OverviewKey.Group, OverviewKey.Model, OverviewKey.Provider];

    public async Task<OverviewFigures> ReadAsync(RangeChoice choice, DateTimeOffset now, TimeZoneInfo zone, CancellationToken cancellationToken)
    {
        var range = choice.At(now, zone);
        var spans = Spans.Of(new(range.From, range.To, range.Granularity, OverviewKey.Model, zone)).Select(span => span.Start).ToList();
        var lines = new Dictionary<OverviewKey, IReadOnlyList<OverviewLine>>();
        foreach (var dimension in Dimensions)
        {
            lines[dimension] = Lines(dimension, await RowsAsync(range, dimension, zone, cancellationToken), spans);
        }

        var month = new RangeChoice("This month").At(now, zone);
        var week = new TimeRange("", now.AddDays(-7), now, Granularity.Month);
        var spent = Sum(await RowsAsync(month with { Granularity = Granularity.Month }, OverviewKey.Provider, zone, cancellationToken)).Cost;
        var pace = Sum(await RowsAsync(week, OverviewKey.Provider, zone, cancellationToken)).Cost;
        return new()
        {
            Totals = lines[OverviewKey.Model].Aggregate(default(UsageTotals), (sum, line) => sum + line.Totals),
            Before = Sum(await RowsAsync(range.Before() with { Granularity = Granularity.Month }, OverviewKey.Provider, zone, cancellationToken)),
            Month = spent,
            Forecast = spent + Rest(pace, now, zone),
            CacheSaved = Saved(lines[OverviewKey.Model], now),
            Times = await TimesAsync(range, cancellationToken),
            Labels = spans.ConvertAll(start => Label(start, range.Granularity, zone)),
            Lines = lines,
        };
    }

    private async Task<IReadOnlyList<OverviewRow>> RowsAsync(
        TimeRange range, OverviewKey dimension, TimeZoneInfo zone, CancellationToken cancellationToken)
        => await ledger.OverviewAsync(new(range.From, range.To, range.Granularity, dimension, zone), cancellationToken);

    private List<OverviewLine> Lines(OverviewKey dimension, IReadOnlyList<OverviewRow> rows, List<DateTimeOffset> spans)
    {
        var places = spans.Select((start, i) => (start, i)).ToDictionary(pair => pair.start, pair => pair.i);
        return [.. rows.GroupBy(row => row.Key).Select(group =>
        {
            var ofSpans = new UsageTotals[spans.Count];
            foreach (var row in group)
            {
                if (places.TryGetValue(row.Start, out var place))
                {
                    ofSpans[place] += row.Totals;
                }
            }

            return new OverviewLine(group.Key, names.Of(dimension, group.Key), Sum(group), ofSpans);
        }).OrderByDescending(line => line.Totals.Cost.Value).ThenByDescending(line => line.Totals.Requests)];
    }

    private NanoUsd Saved(IReadOnlyList<OverviewLine> models, DateTimeOffset now)
    {
        var prices = services.GetService<IGatewaySnapshots>()?.Current?.Policies.Prices;
        Int128 saved = 0;
        foreach (var line in models)
        {
            if (prices?.ListPrice(line.Key, now)?.Rates is { } rates)
            {
                var tokens = line.Totals.Tokens;
                saved += ((Int128)tokens.CacheRead * (rates.Input - rates.CacheRead))
                    + ((Int128)tokens.CacheWrite5m * (rates.Input - rates.CacheWrite5m))
                    + ((Int128)tokens.CacheWrite1h * (rates.Input - rates.CacheWrite1h));
            }
        }

        return new((long)saved);
    }

    private async Task<ResponseTimes> TimesAsync(TimeRange range, CancellationToken cancellationToken)
    {
        var times = new List<TimeSpan>();
        var (sample, failed) = (0, 0);
        await foreach (var row in ledger.EnumerateAsync(new() { From = range.From, To = range.To, Allowed = true }, cancellationToken))
        {
            sample++;
            failed += row.StatusCode is 0 or >= 400 ? 1 : 0;
            if (row.TimeToFirstByte is { } first)
            {
                times.Add(first);
            }

            if (sample == Sampled)
            {
                break;
            }
        }

        times.Sort();
        return new(sample, failed, times.Count, At(0.5), At(0.95));

        TimeSpan? At(double share) => times.Count == 0 ? null : times[(int)(share * (times.Count - 1))];
    }

    private static NanoUsd Rest(NanoUsd week, DateTimeOffset now, TimeZoneInfo zone)
    {
        var local = TimeZoneInfo.ConvertTime(now, zone);
        var end = TimeRange.Midnight(new DateTime(local.Year, local.Month, 1, 0, 0, 0, DateTimeKind.Unspecified).AddMonths(1), zone);
        return new((long)((Int128)week.Value * (end - now).Ticks / TimeSpan.FromDays(7).Ticks));
    }

    private static UsageTotals Sum(IEnumerable<OverviewRow> rows)
        => rows.Aggregate(default(UsageTotals), (sum, row) => sum + row.Totals);

    private static string Label(DateTimeOffset start, Granularity granularity, TimeZoneInfo zone)
        => TimeZoneInfo.ConvertTime(start, zone).ToString(granularity switch
        {
            Granularity.Hour => "HH:mm",
            Granularity.Month => "MMM yyyy",
            _ => "d MMM",
        }, CultureInfo.InvariantCulture);
}
