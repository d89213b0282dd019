using System.Collections.Immutable;
using NetBird.ControlPlane.Store.Postgres;
using Npgsql;

namespace NetBird.ControlPlane.Usage.Postgres;

/// <summary>Overviews, as in LiteDB: whole hours and days from the roll-ups, what is left of a range at its ends from rows.</summary>
internal sealed partial class PostgresUsageLedger
{
    private const string Figures =
        "requests, denied, interrupted, price_unknown, input, output, cache_read, cache_write_5m, cache_write_1h, web_searches, cost, failed";

    private static readonly string Sums = string.Join(", ", Figures.Split(", ").Select(figure => $"usage_sum({figure})"));

    public async ValueTask<ImmutableArray<OverviewRow>> OverviewAsync(OverviewQuery query, CancellationToken cancellationToken)
        => await PostgresGuard.RunAsync(async () =>
        {
            await using var connection = await database.Source.OpenConnectionAsync(cancellationToken);
            var spans = Spans.Of(query).ToList();
            var parts = new OverviewParts(query, spans, await LastTicksAsync(connection, cancellationToken));
            var bySpan = spans.ConvertAll(_ => new Dictionary<string, UsageTotals>(StringComparer.Ordinal));
            var rollups = parts.Hours.SelectMany(hours => Rollups(hours.First, hours.Last), (hours, range) => (hours.Span, Range: range));

            // Where one day of a zone ends the next begins: the hours between them and UTC's day are read once, and taken off one, added to the other.
            var places = rollups.ToLookup(rollup => rollup.Range with { Sign = 1 }, rollup => (rollup.Span, rollup.Range.Sign));
            if (query.Only is null)
            {
                // Of one hour or day there is one roll-up a key, and nothing to sum: that halves what a year by day and person takes.
                var single = places.ToLookup(place => place.Key.Last - place.Key.First == 1);
                await AddAsync(AllOf(query, Figures, ""), single[true]);
                await AddAsync(AllOf(query, Sums, " group by key"), single[false]);
            }
            else
            {
                await AddAsync(FewOf(query), places);
            }

            await AddAsync(
                $"""
                select p.part, r.* from unnest($1, $2, $3, $4) as p (part, first, last, unused) cross join lateral (
                    select coalesce({Column(query.GroupBy)}, ''), {RowSums} from usage_rows
                    where begun >= p.first and begun < p.last{(query.Only is null ? "" : $" and coalesce({Column(query.GroupBy)}, '') = any($5)")} group by 1) r
                """,
                parts.Edges.ToLookup(edge => new RollupRange(edge.First, edge.Last, 0, 1), edge => (edge.Span, 1)));

            // Where all of a key was taken off again nothing is left to tell.
            return bySpan
                .SelectMany((sums, span) => sums.Where(sum => sum.Value != default).OrderBy(sum => sum.Key, StringComparer.Ordinal)
                    .Select(sum => new OverviewRow(spans[span].Start, spans[span].End, sum.Key, sum.Value)))
                .ToImmutableArray();

            async Task AddAsync(string text, IEnumerable<IGrouping<RollupRange, (int Span, int Sign)>> ranges)
            {
                var all = ranges.ToList();
                if (all.Count == 0)
                {
                    return;
                }

                await using var command = new NpgsqlCommand(text, connection);
                command.Parameters.AddWithValue(Enumerable.Range(0, all.Count).ToArray());
                command.Parameters.AddWithValue(all.Select(range => range.Key.First).ToArray());
                command.Parameters.AddWithValue(all.Select(range => range.Key.Last).ToArray());
                command.Parameters.AddWithValue(all.Select(range => range.Key.Length).ToArray());
                if (query.Only is { } only)
                {
                    command.Parameters.AddWithValue(only.ToArray());
                }

                await using var reader = await command.ExecuteReaderAsync(cancellationToken);
                while (await reader.ReadAsync(cancellationToken))
                {
                    var (word, totals) = (reader.GetString(1), Totals(reader, 2));
                    foreach (var (span, sign) in all[reader.GetInt32(0)])
                    {
                        var sum = bySpan[span].GetValueOrDefault(word);
                        bySpan[span][word] = sign > 0 ? sum + totals : sum - totals;
                    }
                }
            }
        });

    /// <summary>Each part by itself, along the index: joined at once, the planner reads every roll-up for every part.</summary>
    private static string AllOf(OverviewQuery query, string figures, string grouping)
        => $"""
            select p.part, r.* from unnest($1, $2, $3, $4) as p (part, first, last, span) cross join lateral (
                select key, {figures} from usage_rollups
                where dimension = {(int)query.GroupBy} and span = p.span and start >= p.first and start < p.last{grouping} offset 0) r
            """;

    /// <summary>A few keys are looked up one by one; offset 0 keeps the planner to that.</summary>
    private static string FewOf(OverviewQuery query)
        => $"""
            select p.part, r.key, {Sums} from unnest($1, $2, $3, $4) as p (part, first, last, span)
            cross join lateral generate_series(p.first, p.last - 1) as g (start) cross join unnest($5) as w (key)
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
