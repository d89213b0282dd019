using System.Collections.Immutable;
using System.Globalization;
using NetBird.ControlPlane.Store.Postgres;
using NetBird.ControlPlane.Usage.Sums;
using Npgsql;

namespace NetBird.ControlPlane.Usage.Postgres;

/// <summary>Overviews, as in LiteDB: whole hours and days from the roll-ups, what is left of a range at its ends from rows.</summary>
internal sealed partial class PostgresUsageLedger
{
    private const int EdgesAtOnce = 64;

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
            var spans = Spans.Of(query).ToList();
            var words = new WordPool();
            await using var connection = await database.Source.OpenConnectionAsync(cancellationToken);

            // One state of all tables, or what is kept of spans could be of other roll-ups than those that it is told to equal.
            await using var snapshot = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, cancellationToken);
            var (last, rowsFrom) = await BoundsAsync(connection, cancellationToken);
            var ranges = OverviewParts.Ranges(query, spans, last, rowsFrom).ToList();
            var whole = ranges.FindAll(range => IsKept(query, range, spans[range.Span], last, rowsFrom));
            var kept = await KeptSpans.FindAsync(connection, query.GroupBy, whole, spans.Count, database.Now, cancellationToken);

            // Of a few people what they ask for is read along the index, and tells nothing of the others. But what is not on the hour has to be
            // looked for among everyone's rows.
            var made = whole.FindAll(range => kept.Packed[range.Span] is null && kept.Versions[range.Span] > 0 && (query.Only is null || !IsOnTheHour(range)));
            var making = made.ConvertAll(range => range.Span).ToHashSet();
            var sums = await SumsAsync(connection, query.GroupBy, null, made, spans.Count, words, cancellationToken);
            var others = await SumsAsync(
                connection, query.GroupBy, query.Only, ranges.FindAll(range => kept.Packed[range.Span] is null && !making.Contains(range.Span)), spans.Count, words, cancellationToken);
            await snapshot.CommitAsync(cancellationToken);

            // In the order of the words, told once for all spans.
            var order = words.Ranks();
            await KeepAsync(connection, query.GroupBy, whole, kept, [.. made.Select(range => (range.From, range.To, kept.Versions[range.Span], Pack(sums[range.Span])))], cancellationToken);
            var rows = ImmutableArray.CreateBuilder<OverviewRow>(sums.Sum(span => span.Count) + others.Sum(span => span.Count));
            for (var span = 0; span < spans.Count; span++)
            {
                if (kept.Packed[span] is { } packed)
                {
                    PackedSpan.Unpack(packed, words, (word, totals) => Tell(span, words[word], totals));
                    continue;
                }

                foreach (var (key, totals) in InOrder(making.Contains(span) ? sums[span] : others[span]))
                {
                    Tell(span, key, totals);
                }
            }

            return rows.DrainToImmutable();

            void Tell(int span, string key, UsageTotals totals)
            {
                if (query.Only is null || query.Only.Contains(key))
                {
                    rows.Add(new(spans[span].Start, spans[span].End, key, totals));
                }
            }

            // Where all of a key was taken off again nothing is left to tell.
            IEnumerable<(string Key, UsageTotals Totals)> InOrder(Dictionary<int, UsageTotals> span)
                => span.Where(sum => sum.Value != default).OrderBy(sum => order[sum.Key]).Select(sum => (words[sum.Key], sum.Value));

            byte[] Pack(Dictionary<int, UsageTotals> span) => PackedSpan.Pack([.. InOrder(span)]);
        });

    /// <summary>
    /// Whether a span is one that is asked for again and again, and long in the reading: as a whole, of the past, and more than an hour of roll-ups.
    /// </summary>
    private static bool IsKept(
        OverviewQuery query, (int Span, long From, long To) range, (DateTimeOffset Start, DateTimeOffset End) span, long last, long rowsFrom)
        => query.Granularity is not Granularity.Whole && (query.Granularity is not Granularity.Hour || !IsOnTheHour(range)) && span.End.UtcTicks <= last
            && range.From < range.To
            && range.From == OverviewParts.Border(span.Start.UtcTicks, rowsFrom) && range.To == OverviewParts.Border(span.End.UtcTicks, rowsFrom);

    private static bool IsOnTheHour((int Span, long From, long To) range)
        => range.From % TimeSpan.TicksPerHour == 0 && range.To % TimeSpan.TicksPerHour == 0;

    /// <summary>The answer is right whether or not it can be kept; the next one is as slow.</summary>
    private async Task KeepAsync(
        NpgsqlConnection connection, OverviewKey by, List<(int Span, long From, long To)> whole, KeptSpans kept,
        List<(long From, long To, long Version, byte[] Packed)> made, CancellationToken cancellationToken)
    {
        List<(long From, long To)> seen = kept.Unseen ? [.. whole.Where(range => kept.Packed[range.Span] is not null).Select(range => (range.From, range.To))] : [];
        if (made.Count == 0 && seen.Count == 0)
        {
            return;
        }

        try
        {
            await KeptSpans.KeepAsync(connection, by, made, seen, database.Now, cancellationToken);
        }
        catch (Exception failed) when (PostgresGuard.IsUnreachable(failed))
        {
            Log.NotKept(database.Logger, failed);
        }
    }

    /// <summary>Ranges as they are in the roll-ups and, what is left at their ends, in the rows.</summary>
    /// <returns>By span and the number of a word.</returns>
    private static async Task<Dictionary<int, UsageTotals>[]> SumsAsync(
        NpgsqlConnection connection, OverviewKey by, IReadOnlyList<string>? only, List<(int Span, long From, long To)> asked, int spans,
        WordPool words, CancellationToken cancellationToken)
    {
        var bySpan = new Dictionary<int, UsageTotals>[spans];
        foreach (ref var sums in bySpan.AsSpan())
        {
            sums = [];
        }

        var parts = new OverviewParts(asked);
        var rollups = parts.Hours.SelectMany(hours => Rollups(hours.First, hours.Last), (hours, range) => (hours.Span, Range: range));

        // Where one day of a zone ends the next begins: the hours between them and UTC's day are read once, and taken off one, added to the other.
        var places = rollups.ToLookup(rollup => rollup.Range with { Sign = 1 }, rollup => (rollup.Span, rollup.Range.Sign));
        if (only is null)
        {
            // Of one hour or day there is one roll-up a key, and nothing to sum: that halves what a year by day and person takes.
            var single = places.ToLookup(place => place.Key.Last - place.Key.First == 1);
            await CopyAsync(Sparse(Figures), "", single[true]);
            await CopyAsync(Sparse(Sums), " group by key", single[false]);
        }
        else
        {
            await AddAsync(FewOf(by), places);
        }

        // A year of a zone that is not on the hour is 730 of them, with a good part of all rows: a few at a time, each long done before it is given up.
        foreach (var edges in parts.Edges.Chunk(EdgesAtOnce))
        {
            await AddAsync(
                $"""
                select p.part, r.* from unnest($1, $2, $3, $4) as p (part, first, last, unused) cross join lateral (
                    select coalesce({Column(by)}, ''), {RowSums} from usage_rows
                    where begun >= p.first and begun < p.last{(only is null ? "" : $" and coalesce({Column(by)}, '') = any($5)")} group by 1) r
                """,
                edges.ToLookup(edge => new RollupRange(edge.First, edge.Last, 0, 1), edge => (edge.Span, 1)));
        }

        return bySpan;

        void Add(IGrouping<RollupRange, (int Span, int Sign)> range, int word, in UsageTotals totals)
        {
            foreach (var (span, sign) in range)
            {
                bySpan[span].Add(word, totals, sign);
            }
        }

        async Task CopyAsync(string figures, string grouping, IEnumerable<IGrouping<RollupRange, (int Span, int Sign)>> ranges)
        {
            var all = ranges.ToList();
            if (all.Count == 0)
            {
                return;
            }

            await using var copy = await connection.BeginRawBinaryCopyAsync(
                $"copy ({AllOf(by, all.ConvertAll(range => range.Key), figures, grouping)}) to stdout (format binary)", cancellationToken);
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
            if (only is not null)
            {
                command.Parameters.AddWithValue(only.ToArray());
            }

            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                Add(all[reader.GetInt32(0)], words.Number(reader.GetString(1)), Totals(reader, 2));
            }
        }
    }

    /// <summary>Each part by itself, along the index: joined at once, the planner reads every roll-up for every part.</summary>
    private static string AllOf(OverviewKey by, List<RollupRange> parts, string figures, string grouping)
        => string.Create(
            CultureInfo.InvariantCulture,
            $$"""
            select p.part, r.* from unnest({{Array(Enumerable.Range(0, parts.Count).Select(part => (long)part), "int")}}, {{Array(parts.Select(part => part.First))}},
                {{Array(parts.Select(part => part.Last))}}, {{Array(parts.Select(part => (long)part.Length), "smallint")}}) as p (part, first, last, span) cross join lateral (
                select key, {{figures}} from usage_rollups
                where dimension = {{(int)by}} and span = p.span and start >= p.first and start < p.last{{grouping}} offset 0) r
            """);

    /// <summary>A copy takes no parameters.</summary>
    private static string Array(IEnumerable<long> numbers, string type = "bigint") => $"'{{{string.Join(',', numbers)}}}'::{type}[]";

    /// <summary>A few keys are looked up one by one; offset 0 keeps the planner to that.</summary>
    private static string FewOf(OverviewKey by)
        => $"""
            select p.part, r.key, {string.Join(", ", Sums)} from unnest($1, $2, $3, $4) as p (part, first, last, span)
            cross join lateral generate_series(p.first, p.last - 1) as g (start) cross join unnest($5) as w (key)
            cross join lateral (
                select * from usage_rollups where dimension = {(int)by} and span = p.span and start = g.start and key = w.key offset 0) r
            group by p.part, r.key
            """;

    /// <summary>When the latest request began, and from when on rows are kept.</summary>
    private static async Task<(long Last, long RowsFrom)> BoundsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"select coalesce((select max(begun) from usage_rows), {long.MaxValue}), coalesce((select value from usage_meta where name = 'rows_from'), 0)", connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return (reader.GetInt64(0), reader.GetInt64(1));
    }

    private static string Column(OverviewKey by) => by switch
    {
        OverviewKey.User => "user_id",
        OverviewKey.Group => "charged_group",
        OverviewKey.Model => "model",
        OverviewKey.Provider => "provider_id",
        _ => throw new ArgumentOutOfRangeException(nameof(by), by, "Not a key."),
    };

    private static partial class Log
    {
        [LoggerMessage(EventIds.Usage + 21, LogLevel.Warning, "What an overview read could not be kept for the next one")]
        public static partial void NotKept(ILogger logger, Exception exception);
    }
}
