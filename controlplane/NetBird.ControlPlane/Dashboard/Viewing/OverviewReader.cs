using System.Globalization;
using NetBird.ControlPlane.Dashboard.Charts;
using NetBird.ControlPlane.Usage;
using NetBird.ControlPlane.Usage.Sums;
using NetBird.Gateway;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Dashboard.Viewing;

/// <summary>Reads the overview's figures from the ledger.</summary>
internal sealed class OverviewReader(IUsageLedger ledger, DisplayNames names, IServiceProvider services)
{
    private const int Sampled = 500;
    private const int MostSeries = 7;

    private static readonly OverviewKey[] Dimensions = [OverviewKey.User, OverviewKey.Group, OverviewKey.Model, OverviewKey.Provider];

    /// <summary>
    /// Totals of every key for the lists, and spans of the few that the chart shows: thousands of people times every span of a range is
    /// what nobody looks at.
    /// </summary>
    public async Task<OverviewFigures> ReadAsync(OverviewChoice choice, DateTimeOffset now, TimeZoneInfo zone, CancellationToken cancellationToken)
    {
        var range = choice.Range.At(now, zone);
        var month = new RangeChoice("This month").At(now, zone);

        // From a whole hour on: its sums are there, where a part of an hour would be read row by row.
        var week = HourlySums.StartOf(HourlySums.HourOf(now.AddDays(-7)));

        // All at once: each waits a moment for what is on its way to the ledger.
        var byDimension = Dimensions.Select(dimension => RowsAsync(Granularity.Whole, dimension, null)).ToList();
        var earlier = range.Before();
        var before = ledger.SumAsync(earlier.From, earlier.To, null, cancellationToken);
        var thisMonth = ledger.SumAsync(month.From, month.To, null, cancellationToken);
        var today = ledger.SumAsync(TimeRange.Midnight(TimeZoneInfo.ConvertTime(now, zone).Date, zone), now, null, cancellationToken);
        var lastWeek = ledger.SumAsync(week, now, null, cancellationToken);
        var times = TimesAsync(range, cancellationToken);
        var lines = new Dictionary<OverviewKey, IReadOnlyList<OverviewLine>>();
        for (var i = 0; i < Dimensions.Length; i++)
        {
            lines[Dimensions[i]] = Lines(Dimensions[i], await byDimension[i]);
        }

        var spans = Spans.Of(new(range.From, range.To, range.Granularity, OverviewKey.Model, zone)).Select(span => span.Start).ToList();
        var spent = await thisMonth;
        return new()
        {
            Totals = lines[OverviewKey.Model].Aggregate(default(UsageTotals), (sum, line) => sum + line.Totals),
            Before = await before,
            Today = await today,
            Month = spent,
            Forecast = ToEnd(spent, await lastWeek, now - week, now, zone),
            CacheSaved = Saved(lines[OverviewKey.Model], now),
            Times = await times,
            Labels = spans.ConvertAll(start => Label(start, range.Granularity, zone)),
            Lines = lines,
            Series = await SeriesAsync(lines[choice.By]),
        };

        async Task<IReadOnlyList<OverviewRow>> RowsAsync(Granularity granularity, OverviewKey dimension, IReadOnlyList<string>? only)
            => await ledger.OverviewAsync(new(range.From, range.To, granularity, dimension, zone, only), cancellationToken);

        async Task<List<ChartSeries>> SeriesAsync(IReadOnlyList<OverviewLine> all)
        {
            var places = spans.Select((start, i) => (start, i)).ToDictionary(pair => pair.start, pair => pair.i);
            var largest = all.OrderByDescending(line => choice.Metric.Of(line.Totals)).Take(all.Count > MostSeries ? MostSeries - 1 : MostSeries).ToList();
            var ofLargest = RowsAsync(range.Granularity, choice.By, [.. largest.Select(line => line.Key)]);
            var rest = all.Count > MostSeries ? await RowsAsync(range.Granularity, OverviewKey.Provider, null) : [];
            var values = (await ofLargest).ToLookup(row => row.Key);
            var series = largest.ConvertAll(line => new ChartSeries(line.Name, Values(values[line.Key])));
            if (rest.Count > 0)
            {
                var whole = Values(rest);
                series.Add(new($"{Figures.Count(all.Count - largest.Count)} others", [.. whole.Select((value, i) => value - series.Sum(one => one.Values[i]))]));
            }

            return series;

            decimal[] Values(IEnumerable<OverviewRow> rows)
            {
                var ofSpans = new decimal[spans.Count];
                foreach (var row in rows)
                {
                    if (places.TryGetValue(row.Start, out var place))
                    {
                        ofSpans[place] += choice.Metric.Of(row.Totals);
                    }
                }

                return ofSpans;
            }
        }
    }

    private List<OverviewLine> Lines(OverviewKey dimension, IReadOnlyList<OverviewRow> rows)
        => [.. rows.Select(row => new OverviewLine(row.Key, names.Of(dimension, row.Key), row.Totals))
            .OrderByDescending(line => line.Totals.Cost.Value).ThenByDescending(line => line.Totals.Requests)];

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
        await foreach (var row in ledger.EnumerateAsync(new() { From = range.From, To = range.To, Allowed = true, Newest = Sampled }, cancellationToken))
        {
            if (row.TimeToFirstByte is { } first)
            {
                times.Add(first);
            }
        }

        times.Sort();
        return new(times.Count, At(0.5), At(0.95));

        TimeSpan? At(double share) => times.Count == 0 ? null : times[(int)(share * (times.Count - 1))];
    }

    /// <summary>What is there, and the rest of the month at the pace of some time before now.</summary>
    private static Forecast ToEnd(UsageTotals month, UsageTotals lately, TimeSpan paced, DateTimeOffset now, TimeZoneInfo zone)
    {
        var local = TimeZoneInfo.ConvertTime(now, zone);
        var end = TimeRange.Midnight(new DateTime(local.Year, local.Month, 1, 0, 0, 0, DateTimeKind.Unspecified).AddMonths(1), zone);
        return new(new(month.Cost.Value + Rest(lately.Cost.Value)), month.Tokens.Total + Rest(lately.Tokens.Total));

        long Rest(long value) => (long)((Int128)value * (end - now).Ticks / paced.Ticks);
    }

    private static string Label(DateTimeOffset start, Granularity granularity, TimeZoneInfo zone)
        => TimeZoneInfo.ConvertTime(start, zone).ToString(granularity switch
        {
            Granularity.Hour => "HH:mm",
            Granularity.Month => "MMM yyyy",
            _ => "d MMM",
        }, CultureInfo.InvariantCulture);
}

internal static class Metrics
{
    /// <summary>A sum as a chart measures it: nano-USD, tokens or requests.</summary>
    public static decimal Of(this Metric metric, in UsageTotals totals) => metric switch
    {
        Metric.Tokens => totals.Tokens.Total,
        Metric.Requests => totals.Requests,
        _ => totals.Cost.Value,
    };
}
