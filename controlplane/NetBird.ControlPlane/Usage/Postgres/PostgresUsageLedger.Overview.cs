using System.Collections.Immutable;
using NetBird.ControlPlane.Store.Postgres;
using Npgsql;

namespace NetBird.ControlPlane.Usage.Postgres;

/// <summary>Overviews, as in LiteDB: whole hours and days from the roll-ups, what is left of a range at its ends from rows.</summary>
internal sealed partial class PostgresUsageLedger
{
    private const string Sums =
        "sum(p.sign * requests)::bigint, sum(p.sign * denied)::bigint, sum(p.sign * interrupted)::bigint, sum(p.sign * price_unknown)::bigint, "
        + "sum(p.sign * input)::bigint, sum(p.sign * output)::bigint, sum(p.sign * cache_read)::bigint, sum(p.sign * cache_write_5m)::bigint, "
        + "sum(p.sign * cache_write_1h)::bigint, sum(p.sign * web_searches)::bigint, sum(p.sign * cost)::bigint";

    private const string SignedColumns =
        "p.sign * requests, p.sign * denied, p.sign * interrupted, p.sign * price_unknown, p.sign * input, p.sign * output, p.sign * cache_read, "
        + "p.sign * cache_write_5m, p.sign * cache_write_1h, p.sign * web_searches, p.sign * cost";

    public async ValueTask<ImmutableArray<OverviewRow>> OverviewAsync(OverviewQuery query, CancellationToken cancellationToken)
        => await PostgresGuard.RunAsync(async () =>
        {
            await using var connection = await database.Source.OpenConnectionAsync(cancellationToken);
            var spans = Spans.Of(query).ToList();
            var parts = new OverviewParts(query, spans, await LastTicksAsync(connection, cancellationToken));
            var sums = new Dictionary<(int Span, string Key), UsageTotals>();
            if (query.Only is null)
            {
                // Of one hour or day there is one roll-up a key, and nothing to sum: that halves what a year by day and person takes.
                var rollups = parts.Hours.SelectMany(Rollups).ToLookup(range => range.Last - range.First == 1);
                await AddAsync(AllOf(query, SignedColumns, ""), rollups[true]);
                await AddAsync(AllOf(query, Sums, " group by key"), rollups[false]);
            }
            else
            {
                await AddAsync(FewOf(query), parts.Hours.SelectMany(Rollups));
            }

            await AddAsync(
                $"""
                select p.span, r.* from unnest($1, $2, $3, $4, $5) as p (span, first, last, unused, sign) cross join lateral (
                    select coalesce({Column(query.GroupBy)}, ''), {RowSums} from usage_rows
                    where begun >= p.first and begun < p.last{(query.Only is null ? "" : $" and coalesce({Column(query.GroupBy)}, '') = any($6)")} group by 1) r
                """,
                parts.Edges.Select(edge => new RollupRange(edge.Span, edge.First, edge.Last, 0, 1)));

            // Where all of a key was taken off again nothing is left to tell.
            return sums.Where(sum => sum.Value != default)
                .OrderBy(sum => sum.Key.Span).ThenBy(sum => sum.Key.Key, StringComparer.Ordinal)
                .Select(sum => new OverviewRow(spans[sum.Key.Span].Start, spans[sum.Key.Span].End, sum.Key.Key, sum.Value))
                .ToImmutableArray();

            async Task AddAsync(string text, IEnumerable<RollupRange> ranges)
            {
                var all = ranges.ToList();
                if (all.Count == 0)
                {
                    return;
                }

                await using var command = new NpgsqlCommand(text, connection);
                command.Parameters.AddWithValue(all.Select(range => range.Part).ToArray());
                command.Parameters.AddWithValue(all.Select(range => range.First).ToArray());
                command.Parameters.AddWithValue(all.Select(range => range.Last).ToArray());
                command.Parameters.AddWithValue(all.Select(range => range.Span).ToArray());
                command.Parameters.AddWithValue(all.Select(range => range.Sign).ToArray());
                if (query.Only is { } only)
                {
                    command.Parameters.AddWithValue(only.ToArray());
                }

                await using var reader = await command.ExecuteReaderAsync(cancellationToken);
                while (await reader.ReadAsync(cancellationToken))
                {
                    var key = (reader.GetInt32(0), reader.GetString(1));
                    sums[key] = sums.GetValueOrDefault(key) + Totals(reader, 2);
                }
            }
        });

    /// <summary>Each part by itself, along the index: joined at once, the planner reads every roll-up for every part.</summary>
    private static string AllOf(OverviewQuery query, string figures, string grouping)
        => $"""
            select p.part, r.* from unnest($1, $2, $3, $4, $5) as p (part, first, last, span, sign) cross join lateral (
                select key, {figures} from usage_rollups
                where dimension = {(int)query.GroupBy} and span = p.span and start >= p.first and start < p.last{grouping} offset 0) r
            """;

    /// <summary>A few keys are looked up one by one; offset 0 keeps the planner to that.</summary>
    private static string FewOf(OverviewQuery query)
        => $"""
            select p.part, r.key, {Sums} from unnest($1, $2, $3, $4, $5) as p (part, first, last, span, sign)
            cross join lateral generate_series(p.first, p.last - 1) as g (start) cross join unnest($6) as w (key)
            cross join lateral (
                select * from usage_rollups where dimension = {(int)query.GroupBy} and span = p.span and start = g.start and key = w.key offset 0) r
            group by p.part, r.key
            """;

    private static async Task<long> LastTicksAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select max(begun) from usage_rows", connection);
        return await command.ExecuteScalarAsync(cancellationToken) as long? ?? long.MaxValue;
    }

    private static string Column(OverviewKey by) => by switch
    {
        OverviewKey.User => "user_id",
        OverviewKey.Group => "charged_group",
        OverviewKey.Model => "model",
        OverviewKey.Provider => "provider_id",
        _ => throw new ArgumentOutOfRangeException(nameof(by), by, "Not a key."),
    };
}
