using System.Collections.Immutable;
using NetBird.ControlPlane.Usage.Sums;
using NetBird.Gateway.Metering;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage.LiteDb;

/// <summary>Overviews and verification.</summary>
internal sealed partial class LiteDbUsageLedger
{
    public ValueTask<ImmutableArray<OverviewRow>> OverviewAsync(OverviewQuery query, CancellationToken cancellationToken)
    {
        var rows = ImmutableArray.CreateBuilder<OverviewRow>();
        foreach (var (start, end) in Spans.Of(query))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var byKey = new Dictionary<string, UsageTotals>(StringComparer.Ordinal);
            Sum(byKey, query, start > query.From ? start : query.From, end < query.To ? end : query.To, cancellationToken);
            rows.AddRange(byKey.OrderBy(sum => sum.Key, StringComparer.Ordinal).Select(sum => new OverviewRow(start, end, sum.Key, sum.Value)));
        }

        return new(rows.DrainToImmutable());
    }

    /// <summary>
    /// Whole hours from sums; what is left at either end (a range or a zone that is not on the hour) from rows, as
    /// long as they are kept.
    /// </summary>
    private void Sum(
        Dictionary<string, UsageTotals> byKey,
        OverviewQuery query,
        DateTimeOffset from,
        DateTimeOffset to,
        CancellationToken cancellationToken)
    {
        var (first, end) = WholeHours(from, to);
        if (first >= end)
        {
            AddRows(from, to);
            return;
        }

        _sums.AddTo(byKey, first, end, PartOf(query.GroupBy), query.Only);
        AddRows(from, HourlySums.StartOf(first));
        AddRows(HourlySums.StartOf(end), to);

        void AddRows(DateTimeOffset rowsFrom, DateTimeOffset rowsTo)
        {
            if (rowsFrom < rowsTo)
            {
                UserId? user = query is { GroupBy: OverviewKey.User, Only: { Length: > 0 } only } ? new UserId(only) : null;
                foreach (var record in Unordered(WithinRetention(new() { From = rowsFrom, To = rowsTo, User = user }), cancellationToken))
                {
                    var key = KeyOf(record, query.GroupBy);
                    if (query.Only is null || query.Only == key)
                    {
                        Add(key, UsageTotals.Of(record));
                    }
                }
            }
        }

        void Add(string key, UsageTotals totals) => byKey[key] = byKey.GetValueOrDefault(key) + totals;
    }

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
            sums.Visit(long.MinValue / 2, long.MaxValue / 2, new(), (hour, _, sum, _) => totals[hour] = totals.GetValueOrDefault(hour) + sum);
            return totals;
        }
    }

    private static Func<SumKey, int> PartOf(OverviewKey by) => by switch
    {
        OverviewKey.User => key => key.User,
        OverviewKey.Group => key => key.Charged,
        OverviewKey.Model => key => key.Model,
        OverviewKey.Provider => key => key.Provider,
        _ => throw new ArgumentOutOfRangeException(nameof(by), by, "Not a key."),
    };

    private static string KeyOf(UsageRecord record, OverviewKey by) => by switch
    {
        OverviewKey.User => record.User?.Value ?? "",
        OverviewKey.Group => record.ChargedGroup?.Value ?? "",
        OverviewKey.Model => record.Model,
        OverviewKey.Provider => record.Provider?.Value ?? "",
        _ => throw new ArgumentOutOfRangeException(nameof(by), by, "Not a key."),
    };
}
