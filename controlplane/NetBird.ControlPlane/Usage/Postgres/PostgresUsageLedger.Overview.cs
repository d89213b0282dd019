using System.Collections.Immutable;
using System.Globalization;
using NetBird.ControlPlane.Store.Postgres;
using NetBird.ControlPlane.Usage.Sums;
using Npgsql;

namespace NetBird.ControlPlane.Usage.Postgres;

/// <summary>Overviews, as in LiteDB: whole hours and days from the roll-ups, what is left of a range at its ends from rows.</summary>
internal sealed partial class PostgresUsageLedger
{
    private static readonly string[] Figures =
    [
        "requests", "denied", "interrupted", "price_unknown", "input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "web_searches", "cost", "failed", "parts",
    ];

    private static readonly string[] Sums = [.. Figures.Select(figure => $"usage_sum({figure})")];

    /// <summary>Most of them are 0 nearly everywhere, and nothing is sooner written, sent and read than a number.</summary>
    private static string Sparse(IEnumerable<string> figures) => string.Join(", ", figures.Select(figure => $"nullif({figure}, 0)"));

    public async ValueTask<ImmutableArray<OverviewRow>> OverviewAsync(OverviewQuery query, CancellationToken cancellationToken)
        => await PostgresGuard.RunAsync(async () =>
        {
            await using var connection = await database.Source.OpenConnectionAsync(cancellationToken);
            var spans = Spans.Of(query).ToList();
            var parts = new OverviewParts(query, spans, await LastTicksAsync(connection, cancellationToken));
            var bySpan = spans.ConvertAll(_ => new Dictionary<int, UsageTotals>());
            var words = new WordPool();
            var rollups = parts.Hours.SelectMany(hours => Rollups(hours.First, hours.Last), (hours, range) => (hours.Span, Range: range));

            // Where one day of a zone ends the next begins: the hours between them and UTC's day are read once, and taken off one, added to the other.
            var places = rollups.ToLookup(rollup => rollup.Range with { Sign = 1 }, rollup => (rollup.Span, rollup.Range.Sign));
            if (query.Only is null)
            {
                // Of one hour or day there is one roll-up a key, and nothing to sum: that halves what a year by day and person takes.
                var single = places.ToLookup(place => place.Key.Last - place.Key.First == 1);
                await CopyAsync(query, Sparse(Figures), "", single[true]);
                await CopyAsync(query, Sparse(Sums), " group by key", single[false]);
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

            // In the order of the words, told once for all spans. Where all of a key was taken off again nothing is left to tell.
            var order = words.Ranks();
            var rows = ImmutableArray.CreateBuilder<OverviewRow>(bySpan.Sum(sums => sums.Count));
            for (var span = 0; span < spans.Count; span++)
            {
                foreach (var word in bySpan[span].Keys.OrderBy(word => order[word]))
                {
                    if (bySpan[span][word] is var totals && totals != default)
                    {
                        rows.Add(new(spans[span].Start, spans[span].End, words[word], totals));
                    }
                }
            }

            return rows.DrainToImmutable();

            void Add(IGrouping<RollupRange, (int Span, int Sign)> range, int word, in UsageTotals totals)
            {
                foreach (var (span, sign) in range)
                {
                    bySpan[span].Add(word, totals, sign);
                }
            }

            async Task CopyAsync(OverviewQuery query, string figures, string grouping, IEnumerable<IGrouping<RollupRange, (int Span, int Sign)>> ranges)
            {
                var all = ranges.ToList();
                if (all.Count == 0)
                {
                    return;
                }

                await using var copy = await connection.BeginRawBinaryCopyAsync(
                    $"copy ({AllOf(query, all.ConvertAll(range => range.Key), figures, grouping)}) to stdout (format binary)", cancellationToken);
                await new CopiedRows(copy).ReadAsync(
                    2 + Figures.Length,
                    row =>
                    {
                        var part = (int)row.Number();
                        var word = words.Number(row.Text());
                        Add(all[part], word, new(
                            row.Number(), row.Number(), row.Number(), row.Number(),
                            new(row.Number(), row.Number(), row.Number(), row.Number(), row.Number()),
                            row.Number(), new(row.Number()), row.Number(), row.Number()));
                    },
                    cancellationToken);
            }

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
                    Add(all[reader.GetInt32(0)], words.Number(reader.GetString(1)), Totals(reader, 2));
                }
            }
        });

    /// <summary>Each part by itself, along the index: joined at once, the planner reads every roll-up for every part.</summary>
    private static string AllOf(OverviewQuery query, List<RollupRange> parts, string figures, string grouping)
        => string.Create(
            CultureInfo.InvariantCulture,
            $$"""
            select p.part, r.* from unnest({{Array(Enumerable.Range(0, parts.Count).Select(part => (long)part), "int")}}, {{Array(parts.Select(part => part.First))}},
                {{Array(parts.Select(part => part.Last))}}, {{Array(parts.Select(part => (long)part.Length), "smallint")}}) as p (part, first, last, span) cross join lateral (
                select key, {{figures}} from usage_rollups
                where dimension = {{(int)query.GroupBy}} and span = p.span and start >= p.first and start < p.last{{grouping}} offset 0) r
            """);

    /// <summary>A copy takes no parameters.</summary>
    private static string Array(IEnumerable<long> numbers, string type = "bigint") => $"'{{{string.Join(',', numbers)}}}'::{type}[]";

    /// <summary>A few keys are looked up one by one; offset 0 keeps the planner to that.</summary>
    private static string FewOf(OverviewQuery query)
        => $"""
            select p.part, r.key, {string.Join(", ", Sums)} from unnest($1, $2, $3, $4) as p (part, first, last, span)
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
