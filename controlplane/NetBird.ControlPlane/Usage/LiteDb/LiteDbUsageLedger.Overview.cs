using System.Collections.Immutable;
using NetBird.ControlPlane.Usage.Sums;
using NetBird.Gateway.Metering;

namespace NetBird.ControlPlane.Usage.LiteDb;

/// <summary>Overviews and verification.</summary>
internal sealed partial class LiteDbUsageLedger
{
    /// <summary>
    /// Whole hours from sums; what is left at either end (a range or a zone that is not on the hour) from rows, as
    /// long as they are kept, then with its hour.
    /// </summary>
    public ValueTask<ImmutableArray<OverviewRow>> OverviewAsync(OverviewQuery query, CancellationToken cancellationToken)
    {
        var spans = Spans.Of(query).ToList();
        var parts = new OverviewParts(OverviewParts.Ranges(query, spans, LastTicks(), _rowsFrom.UtcTicks));
        var bySpan = new Dictionary<string, UsageTotals>[spans.Count];
        foreach (var (span, first, last) in parts.Hours)
        {
            cancellationToken.ThrowIfCancellationRequested();
            bySpan[span] = _sums.Totals(first, last, query.GroupBy, query.Only);
        }

        foreach (var (span, from, to) in parts.Edges)
        {
            AddEdges(bySpan[span] ??= new(StringComparer.Ordinal), from, to, query);
        }

        return new([.. bySpan.SelectMany((sums, span) => (sums ?? []).OrderBy(sum => sum.Key, StringComparer.Ordinal)
            .Select(sum => new OverviewRow(spans[span].Start, spans[span].End, sum.Key, sum.Value)))]);
    }

    private void AddEdges(Dictionary<string, UsageTotals> byKey, long from, long to, OverviewQuery query)
    {
        for (var at = from; at < to; at = ((at / TimeSpan.TicksPerHour) + 1) * TimeSpan.TicksPerHour)
        {
            foreach (var row in _edges.Of(at / TimeSpan.TicksPerHour))
            {
                var key = row.Key(query.GroupBy);
                if (row.Ticks >= from && row.Ticks < to && (query.Only is null || query.Only.Contains(key)))
                {
                    byKey[key] = byKey.GetValueOrDefault(key) + row.Totals;
                }
            }
        }
    }

    private IEnumerable<UsageRecord> RowsOfHour(long hour) => Unordered(
        WithinRetention(new() { From = HourlySums.StartOf(hour), To = HourlySums.StartOf(hour + 1) }), CancellationToken.None);

    public ValueTask<ImmutableArray<string>> VerifyAsync(CancellationToken cancellationToken)
    {
        var found = ImmutableArray.CreateBuilder<string>();
        lock (_writing)
        {
            var fromRows = new HourlySums();
            var ids = new HashSet<string>(StringComparer.Ordinal);
            foreach (var block in BlocksOf(new()))
            {
                cancellationToken.ThrowIfCancellationRequested();
                try
                {
                    var rows = ReadBlock(block.Id)?.All().ToList() ?? throw new InvalidDataException($"Block {block.Id} is missing.");
                    fromRows.Replace(fromRows.With(rows));
                    found.AddRange(rows.Where(row => !ids.Add(row.Id.Value)).Select(row => $"Request {row.Id} is in the ledger twice."));
                    if (!RefusedRun.Of(rows).SequenceEqual(RefusedRuns.FindById(block.Id) is { } runs ? RefusedRun.Unpack(runs["runs"].AsBinary) : []))
                    {
                        found.Add($"What is kept of the refusals of block {block.Id} does not equal its rows.");
                    }

                    if (rows.Count != block.Count)
                    {
                        found.Add($"Block {block.Id} has {rows.Count} rows, not {block.Count}.");
                    }
                }
                catch (InvalidDataException damaged)
                {
                    found.Add(damaged.Message);
                }
            }

            CompareSums(fromRows, found);
        }

        return new(found.DrainToImmutable());
    }

    /// <summary>Only hours whose rows and sums are both kept can be compared.</summary>
    private void CompareSums(HourlySums fromRows, ImmutableArray<string>.Builder found)
    {
        var expected = Total(fromRows);
        var kept = Total(_sums);
        foreach (var hour in expected.Keys.Union(kept.Keys).Order())
        {
            if (hour >= HourlySums.HourOf(_rowsFrom) && expected.GetValueOrDefault(hour) != kept.GetValueOrDefault(hour))
            {
                found.Add($"The sums of the hour from {HourlySums.StartOf(hour):u} do not equal its rows.");
            }
        }

        static Dictionary<long, UsageTotals> Total(HourlySums sums)
        {
            var totals = new Dictionary<long, UsageTotals>();
            sums.Visit(long.MinValue / 2, long.MaxValue / 2, new(), null, (hour, _, sum, _) => totals[hour] = totals.GetValueOrDefault(hour) + sum);
            return totals;
        }
    }
}
