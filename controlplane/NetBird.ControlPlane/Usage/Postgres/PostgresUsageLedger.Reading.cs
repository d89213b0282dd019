using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using NetBird.Gateway.Metering;
using NetBird.Primitives;
using Npgsql;

namespace NetBird.ControlPlane.Usage.Postgres;

/// <summary>Pages, exports, sessions and overviews.</summary>
internal sealed partial class PostgresUsageLedger
{
    private const string Sums =
        "sum(p.sign * requests), sum(p.sign * denied), sum(p.sign * interrupted), sum(p.sign * price_unknown), sum(p.sign * input), "
        + "sum(p.sign * output), sum(p.sign * cache_read), sum(p.sign * cache_write_5m), sum(p.sign * cache_write_1h), "
        + "sum(p.sign * web_searches), sum(p.sign * cost)";

    private const string RowSums =
        "count(*), count(*) filter (where deny_reason is not null), count(*) filter (where completeness = 2), "
        + "count(*) filter (where price_unknown), sum(input), sum(output), sum(cache_read), sum(cache_write_5m), sum(cache_write_1h), "
        + "sum(web_searches), sum(cost)";

    public async ValueTask<UsagePage<UsageRecord>> QueryAsync(UsageQuery query, CancellationToken cancellationToken)
        => await PostgresUsage.GuardedAsync(async () =>
        {
            var size = Math.Clamp(query.PageSize, 1, 1000);
            var page = Math.Max(1, query.Page);
            query = await WithinSessionAsync(query, cancellationToken);
            var total = await CountAsync(query, cancellationToken);
            await using var command = database.Source.CreateCommand();
            var filter = RowFilter.Apply(command, query);
            command.CommandText =
                $"select {RowColumns.Names} from usage_rows where {filter} order by begun desc, id collate \"C\" limit {size} offset {(long)(page - 1) * size}";
            var rows = ImmutableArray.CreateBuilder<UsageRecord>();
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                rows.Add(RowColumns.Read(reader));
            }

            return new UsagePage<UsageRecord>(rows.DrainToImmutable(), page, size, total);
        });

    public async IAsyncEnumerable<UsageRecord> EnumerateAsync(
        UsageQuery query, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var command = database.Source.CreateCommand();
        command.CommandTimeout = 600;
        command.CommandText =
            $"select {RowColumns.Names} from usage_rows where {RowFilter.Apply(command, query)} order by begun desc, id collate \"C\"";
        await using var reader = await PostgresUsage.GuardedAsync(() => command.ExecuteReaderAsync(cancellationToken));
        while (await PostgresUsage.GuardedAsync(() => reader.ReadAsync(cancellationToken)))
        {
            yield return RowColumns.Read(reader);
        }
    }

    public async ValueTask<UsagePage<SessionSummary>> SessionsAsync(UsageQuery query, CancellationToken cancellationToken)
        => await PostgresUsage.GuardedAsync(async () =>
        {
            var size = Math.Clamp(query.PageSize, 1, 1000);
            var page = Math.Max(1, query.Page);
            if (query.AsksForWholeSessions(time.GetUtcNow()))
            {
                return await SessionsByActivityAsync(query, page, size, cancellationToken);
            }

            await using var command = database.Source.CreateCommand();
            var filter = RowFilter.Apply(command, query);
            command.CommandText =
                $"""
                select session_id, user_id, min(begun), max(begun), (array_agg(user_name order by begun desc))[1],
                    count(*) filter (where deny_reason is null and kind = 1), count(distinct agent_id) filter (where agent_id <> ''),
                    coalesce(array_agg(distinct model) filter (where deny_reason is null and kind = 1), array[]::text[]),
                    {RowSums}, count(*) over ()
                from usage_rows where {filter} and session_id <> '' group by session_id, user_id
                order by max(begun) desc, session_id collate "C" limit {size} offset {(long)(page - 1) * size}
                """;
            var sessions = ImmutableArray.CreateBuilder<SessionSummary>();
            long total = 0;
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                sessions.Add(SessionOf(reader));
                total = reader.GetInt64(19);
            }

            return new UsagePage<SessionSummary>(sessions.DrainToImmutable(), page, size, total);
        });

    /// <summary>As in LiteDB: whole hours from the sums, what is left of a span at its ends from rows.</summary>
    public async ValueTask<ImmutableArray<OverviewRow>> OverviewAsync(OverviewQuery query, CancellationToken cancellationToken)
        => await PostgresUsage.GuardedAsync(async () =>
        {
            var spans = Spans.Of(query).ToList();
            var parts = new OverviewParts(query, spans);
            var sums = new SortedDictionary<(int Span, string Key), UsageTotals>();
            await using var connection = await database.Source.OpenConnectionAsync(cancellationToken);

            // Each part by itself, along the index: joined at once, the planner reads every roll-up for every part.
            await AddAsync(
                $"""
                select p.part, r.* from unnest($1, $2, $3, $4, $5) as p (part, first, last, span, sign) cross join lateral (
                    select key, {Sums} from usage_rollups
                    where dimension = {(int)query.GroupBy} and span = p.span and start >= p.first and start < p.last{(query.Only is null ? "" : " and key = $6")} group by key) r
                """,
                parts.Hours.SelectMany(Rollups));
            await AddAsync(
                $"""
                select p.span, r.* from unnest($1, $2, $3, $4, $5) as p (span, first, last, unused, sign) cross join lateral (
                    select coalesce({Column(query.GroupBy)}, ''), {RowSums} from usage_rows
                    where begun >= p.first and begun < p.last{(query.Only is null ? "" : $" and coalesce({Column(query.GroupBy)}, '') = $6")} group by 1) r
                """,
                parts.Edges.Select(edge => new RollupRange(edge.Span, edge.First, edge.Last, 0, 1)));

            // Where all of a key was taken off again nothing is left to tell.
            return sums.Where(sum => sum.Value != default).Select(sum => new OverviewRow(spans[sum.Key.Span].Start, spans[sum.Key.Span].End, sum.Key.Key, sum.Value))
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
                    command.Parameters.AddWithValue(only);
                }

                await using var reader = await command.ExecuteReaderAsync(cancellationToken);
                while (await reader.ReadAsync(cancellationToken))
                {
                    var key = (reader.GetInt32(0), reader.GetString(1));
                    sums[key] = sums.GetValueOrDefault(key) + Totals(reader, 2);
                }
            }
        });

    private static string Column(OverviewKey by) => by switch
    {
        OverviewKey.User => "user_id",
        OverviewKey.Group => "charged_group",
        OverviewKey.Model => "model",
        OverviewKey.Provider => "provider_id",
        _ => throw new ArgumentOutOfRangeException(nameof(by), by, "Not a key."),
    };

    /// <summary>The sums are numeric in SQL; each row is bounded so that they fit.</summary>
    private static UsageTotals Totals(NpgsqlDataReader reader, int at)
    {
        return new(
            Value(0), Value(1), Value(2), Value(3), new(Value(4), Value(5), Value(6), Value(7), Value(8)), Value(9), new(Value(10)));

        // count() is bigint, sum() over bigint numeric.
        long Value(int offset) => reader.GetValue(at + offset) switch
        {
            long whole => whole,
            decimal sum => (long)sum,
            _ => 0,
        };
    }
}
