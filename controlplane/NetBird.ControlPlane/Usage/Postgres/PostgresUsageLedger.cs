using System.Globalization;
using System.Text;
using NetBird.ControlPlane.Store.Postgres;
using NetBird.ControlPlane.Usage.Sums;
using NetBird.ControlPlane.Usage.Warnings;
using NetBird.Gateway.Batches;
using NetBird.Gateway.Metering;
using NetBird.Policy.Limits;
using NetBird.Primitives;
using Npgsql;

namespace NetBird.ControlPlane.Usage.Postgres;

/// <summary>
/// The ledger that several nodes write: rows, hourly sums and the node's sequence in one transaction. A row is known by its
/// id; reservations that its node died without settling are settled with it.
/// </summary>
internal sealed partial class PostgresUsageLedger(
    PostgresUsage database, ChargedCounters charged, PolicySource policies, TimeProvider time) : IUsageLedger
{
    /// <summary>Ours: a connection that hangs is found out well within the second in which requests must be refused.</summary>
    private static readonly TimeSpan ProbeEvery = TimeSpan.FromMilliseconds(400);

    /// <summary>As <see cref="NetBird.Gateway.Metering.UsageRecord.Failed"/>.</summary>
    private const string Failed = $"deny_reason is null and (status_code = 0 or status_code >= 400) and not {Part}";

    /// <summary>As <see cref="NetBird.Gateway.Metering.UsageRecord.IsPart"/>.</summary>
    private const string Part = "(kind = 7 or (kind = 6 and position('.' in id) > 0))";

    private const string Interrupted = $"completeness = 2 and not {Part}";

    private const string Fold =
        $"""
        insert into usage_hours as h
            select begun / 36000000000, coalesce(user_id, ''), coalesce(charged_group, ''), array_to_string(group_ids, ' '),
                coalesce(policy_id, ''), coalesce(provider_id, ''), model, deny_reason is not null,
                count(*), count(*) filter (where {Interrupted}), count(*) filter (where price_unknown),
                sum(input), sum(output), sum(cache_read), sum(cache_write_5m), sum(cache_write_1h), sum(web_searches), sum(cost), count(*) filter (where {Failed}), count(*) filter (where {Part})
            from usage_added group by 1, 2, 3, 4, 5, 6, 7, 8 order by 1, 2, 3, 4, 5, 6, 7, 8
            on conflict (hour, user_id, charged_group, groups, policy_id, provider_id, model, denied) do update set
                requests = h.requests + excluded.requests,
                interrupted = h.interrupted + excluded.interrupted,
                price_unknown = h.price_unknown + excluded.price_unknown,
                input = h.input + excluded.input,
                output = h.output + excluded.output,
                cache_read = h.cache_read + excluded.cache_read,
                cache_write_5m = h.cache_write_5m + excluded.cache_write_5m,
                cache_write_1h = h.cache_write_1h + excluded.cache_write_1h,
                web_searches = h.web_searches + excluded.web_searches,
                cost = h.cost + excluded.cost,
                failed = h.failed + excluded.failed,
                parts = h.parts + excluded.parts
        """;

    private const string Add =
        """
        with added as (
            insert into usage_rows select * from usage_incoming order by id on conflict (id) do nothing returning *
        )
        insert into usage_added select * from added
        """;

    private const string RollUp =
        $"""
        insert into usage_rollups as r
        select d.dimension, s.span, a.begun / (36000000000 * s.span), d.key,
            count(*), count(*) filter (where deny_reason is not null), count(*) filter (where {Interrupted}), count(*) filter (where price_unknown),
            sum(input), sum(output), sum(cache_read), sum(cache_write_5m), sum(cache_write_1h), sum(web_searches), sum(cost),
            count(*) filter (where {Failed}), count(*) filter (where {Part})
        from usage_added a
        cross join lateral (values (1::smallint, coalesce(user_id, '')), (2::smallint, coalesce(charged_group, '')), (3::smallint, model),
            (4::smallint, coalesce(provider_id, ''))) d (dimension, key)
        cross join {EachPeriod}
        group by 1, 2, 3, 4 order by 1, 2, 3, 4
        on conflict (dimension, span, start, key) do update set
            requests = r.requests + excluded.requests,
            denied = r.denied + excluded.denied,
            interrupted = r.interrupted + excluded.interrupted,
            price_unknown = r.price_unknown + excluded.price_unknown,
            input = r.input + excluded.input,
            output = r.output + excluded.output,
            cache_read = r.cache_read + excluded.cache_read,
            cache_write_5m = r.cache_write_5m + excluded.cache_write_5m,
            cache_write_1h = r.cache_write_1h + excluded.cache_write_1h,
            web_searches = r.web_searches + excluded.web_searches,
            cost = r.cost + excluded.cost,
            failed = r.failed + excluded.failed,
            parts = r.parts + excluded.parts
        """;

    private const string Sessions =
        """
        insert into usage_sessions as s
        select session_id, coalesce(user_id, ''), min(begun), max(begun) from usage_added where session_id <> '' group by 1, 2 order by 1, 2
        on conflict (session_id, user_id) do update set first = least(s.first, excluded.first), last = greatest(s.last, excluded.last)
        """;

    // Locked in the order of their keys, so that of two nodes neither waits for the other for ever.
    private const string Facets =
        """
        insert into usage_facets
        select usage_facet(groups, policy_id, provider_id, model, denied) as facet, groups, policy_id, provider_id, model, denied
        from (
            select distinct array_to_string(group_ids, ' ') as groups, coalesce(policy_id, '') as policy_id, coalesce(provider_id, '') as provider_id,
                model, deny_reason is not null as denied
            from usage_added) a
        order by facet
        on conflict (facet) do nothing
        """;

    private const string SessionParts =
        """
        insert into usage_session_parts as p
        select usage_session(user_id, session_id),
            usage_facet(array_to_string(group_ids, ' '), coalesce(policy_id, ''), coalesce(provider_id, ''), model, deny_reason is not null),
            begun / 36000000000, max(begun)
        from usage_added where session_id <> '' group by 1, 2, 3 order by 1, 2, 3
        on conflict (session, facet, hour) do update set last = excluded.last where p.last < excluded.last
        """;

    private const string Refusals =
        """
        insert into usage_refusals
        select begun, id, user_id, group_ids, policy_id, provider_id, model, session_id, lower(deny_text)
        from usage_added where deny_reason is not null and deny_text is not null order by id
        """;

    private const string Results =
        """
        insert into usage_results (id, at) select id, begun from usage_added where kind = 6 order by id
        on conflict (id) do update set at = excluded.at, node = null
        """;

    // One statement, so that of nodes that ask at one moment the key gives each result to one. In the order of ids: neither waits for the
    // other for ever. What a node has claimed and not recorded stays its own for as long as it lives. Who claims first (nothing was there,
    // so no row was locked: xmax) charges it, with that, once.
    private const string Claim =
        """
        with claimed as (
            insert into usage_results as r (id, at, node) select id, coalesce($3, usage_clock()), $2 from unnest($1) as id order by id
            on conflict (id) do update set node = excluded.node
            where r.node is not null and (r.node = excluded.node
                or not exists (select 1 from usage_nodes n where n.node = r.node and n.seen > usage_clock() - 300000000))
            returning id, xmax = 0 as first
        ), charged as (
            select usage_charge($4, sum(u.tokens)::bigint, sum(u.cost)::bigint, $3)
            from claimed c join unnest($1, $5, $6) as u (id, tokens, cost) on u.id = c.id where c.first having count(*) > 0
        )
        select c.id from claimed c left join charged on true
        """;

    // With what is billed beside a request (rows of its id and a number, written before its own). In the order of ids: neither of two nodes
    // waits for the other for ever.
    private const string SettleLeft =
        """
        select s.counter
        from (select * from usage_incoming where id in (select request_id from usage_reservations) order by id offset 0) i
        cross join lateral (
            select coalesce(sum(r.input + r.output + r.cache_read + r.cache_write_5m + r.cache_write_1h), 0)::bigint as tokens, coalesce(sum(r.cost), 0)::bigint as cost
            from usage_rows r where r.kind = 7 and r.id = any(select i.id || '.' || n from generate_series(1, 32) n)) p
        cross join lateral usage_settle_each(
            i.id, i.input + i.output + i.cache_read + i.cache_write_5m + i.cache_write_1h + p.tokens, i.cost + p.cost, $1) s
        """;

    /// <summary>Ours: a few tenths of a second, and far from being given up where the database has other work.</summary>
    private const int RetentionSlice = 10_000;

    private long _probed;

    public async ValueTask<long> LastSequenceAsync(CancellationToken cancellationToken)
    {
        await using var command = database.Vital.CreateCommand("select sequence from usage_nodes where node = $1");
        command.Parameters.AddWithValue(database.Node);
        return await PostgresGuard.RunAsync(async () => (long)(await command.ExecuteScalarAsync(cancellationToken) ?? 0L));
    }

    public async ValueTask<IReadOnlySet<RequestId>> ClaimResultsAsync(
        RequestId reading, IReadOnlyCollection<UsageRecord> results, CancellationToken cancellationToken)
        => await PostgresGuard.RunAsync<IReadOnlySet<RequestId>>(async () =>
        {
            await using var command = database.Vital.CreateCommand(Claim);
            var each = results.DistinctBy(result => result.Id).ToList();
            command.Parameters.AddWithValue(each.Select(result => result.Id.Value).ToArray());
            command.Parameters.AddWithValue(database.Node);
            command.Parameters.Add(Nullable(database.Now));
            command.Parameters.AddWithValue(reading.Value);
            command.Parameters.AddWithValue(each.Select(result => InMemoryReservations.TokensOf(result.Usage.Tokens)).ToArray());
            command.Parameters.AddWithValue(each.Select(result => result.Cost.Value).ToArray());
            var ours = new HashSet<RequestId>();
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                ours.Add(new(reader.GetString(0)));
            }

            return ours;
        });

    public async ValueTask ProbeAsync(CancellationToken cancellationToken)
    {
        if (_probed != 0 && time.GetElapsedTime(_probed) < ProbeEvery)
        {
            return;
        }

        try
        {
            await PostgresGuard.RunAsync(async () =>
            {
                await using var command = database.Vital.CreateCommand("select 1");
                command.CommandTimeout = 1;
                return await command.ExecuteScalarAsync(cancellationToken);
            });
            if (database.IsAway)
            {
                // What is in the pool are connections to the server that went.
                database.Source.Clear();
                database.IsAway = false;
            }
        }
        catch (IOException)
        {
            database.IsAway = true;
            throw;
        }

        _probed = time.GetTimestamp();
    }

    public async ValueTask AppendAsync(IReadOnlyList<JournalledRecord> records, CancellationToken cancellationToken)
    {
        var settled = await AddAsync(records, cancellationToken);
        if (settled.Count > 0)
        {
            charged.Note(settled);
        }
    }

    /// <returns>Counters that were charged now, since their requests could not be settled at their end.</returns>
    private async Task<List<CounterKey>> AddAsync(IReadOnlyList<JournalledRecord> records, CancellationToken cancellationToken)
        => await PostgresGuard.RunAsync(async () =>
        {
            await using var connection = await database.Vital.OpenConnectionAsync(cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            await RunAsync(connection, "create temp table usage_incoming (like usage_rows) on commit drop", cancellationToken);
            await using (var copy = await connection.BeginBinaryImportAsync(
                $"copy usage_incoming ({RowColumns.Names}) from stdin (format binary)", cancellationToken))
            {
                foreach (var (_, record) in records)
                {
                    await RowColumns.WriteAsync(copy, record, cancellationToken);
                }

                await copy.CompleteAsync(cancellationToken);
            }

            await RunAsync(connection, "create temp table usage_added (like usage_rows) on commit drop", cancellationToken);
            await RunAsync(connection, Add, cancellationToken);
            await RunAsync(connection, Fold, cancellationToken);
            await RunAsync(connection, RollUp, cancellationToken);
            await RunAsync(connection, Sessions, cancellationToken);
            await RunAsync(connection, Facets, cancellationToken);
            await RunAsync(connection, SessionParts, cancellationToken);
            await RunAsync(connection, Refusals, cancellationToken);
            await RunAsync(connection, Results, cancellationToken);
            var settled = await SettleLeftAsync(connection, cancellationToken);
            await RunAsync(
                connection,
                "update usage_nodes set sequence = greatest(sequence, $1) where node = $2",
                cancellationToken,
                new NpgsqlParameter { Value = records[^1].Sequence },
                new NpgsqlParameter { Value = database.Node });
            await transaction.CommitAsync(cancellationToken);
            return settled;
        });

    private async Task<List<CounterKey>> SettleLeftAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(SettleLeft, connection);
        command.Parameters.Add(Nullable(database.Now));
        var counters = new List<CounterKey>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            if (CapArrays.TryParseKey(reader.GetString(0), out var counter))
            {
                counters.Add(counter);
            }
        }

        return counters;
    }

    public async ValueTask<RetentionResult> RetainAsync(
        DateTimeOffset rowsFrom, DateTimeOffset sumsFrom, Action<long> progress, CancellationToken cancellationToken)
        => await PostgresGuard.RunAsync(async () =>
        {
            await using var connection = await database.Vital.OpenConnectionAsync(cancellationToken);
            var hour = HourlySums.HourOf(rowsFrom);

            // Whole days, so that a roll-up of a day is the sum of its hours as long as it is kept.
            var sumsHour = HourlySums.HourOf(sumsFrom) / 24 * 24;

            // First: whoever reads meanwhile, or after we were killed, is told nothing of an hour of which some rows are left.
            await RunAsync(
                connection,
                "insert into usage_meta values ('rows_from', $1) on conflict (name) do update set value = greatest(usage_meta.value, excluded.value)",
                cancellationToken,
                new NpgsqlParameter { Value = hour * TimeSpan.TicksPerHour });
            var begun = hour * TimeSpan.TicksPerHour;
            var rows = await DropAsync(connection, "usage_rows", "begun", begun, progress, cancellationToken);
            await DropAsync(connection, "usage_refusals", "begun", begun, _ => { }, cancellationToken);
            var sums = await DropAsync(connection, "usage_hours", "hour", sumsHour, _ => { }, cancellationToken);
            await DropAsync(connection, "usage_sessions", "last", begun, _ => { }, cancellationToken);
            await DropAsync(connection, "usage_session_parts", "last", begun, _ => { }, cancellationToken);
            await ForgetRollupsAsync(connection, sumsHour, cancellationToken);
            await DropAsync(connection, "usage_results", "at", Spans.Earlier(sumsFrom, RegisteredBatch.KeptFor).UtcTicks, _ => { }, cancellationToken);
            await RunAsync(
                connection,
                "delete from usage_reservations where since < usage_clock() - case when strict then 366 * 864000000000 else 6048000000000 end",
                cancellationToken);
            await KeptSpans.ForgetAsync(connection, database.Now, cancellationToken);
            return new RetentionResult(rows, sums);
        });

    /// <summary>In slices: one statement over months would hold its locks for minutes, and be given up before it is done, each time anew.</summary>
    private static async Task<long> DropAsync(
        NpgsqlConnection connection, string table, string column, long before, Action<long> progress, CancellationToken cancellationToken)
    {
        long dropped = 0;
        int some;
        do
        {
            some = await RunAsync(
                connection,
                $"delete from {table} where ctid = any(array(select ctid from {table} where {column} < $1 limit {RetentionSlice}))",
                cancellationToken,
                new NpgsqlParameter { Value = before });
            dropped += some;
            progress(dropped);
        }
        while (some == RetentionSlice);

        return dropped;
    }

    /// <summary>
    /// Drops the roll-ups before an hour with which a day begins, a day in each transaction. A longer period in which that day lies is summed
    /// anew from the days that stay; meanwhile nobody adds to it.
    /// </summary>
    private static async Task ForgetRollupsAsync(NpgsqlConnection connection, long hour, CancellationToken cancellationToken)
    {
        while (true)
        {
            // Each request has a provider, or that it has none: no day is without one.
            await using var find = new NpgsqlCommand("select min(start) from usage_rollups where dimension = 4 and span = 24 and start < $1", connection);
            find.Parameters.AddWithValue(hour / PeriodCover.Day);
            if (await find.ExecuteScalarAsync(cancellationToken) is not long oldest)
            {
                return;
            }

            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            await RunAsync(connection, "lock table usage_rollups in share row exclusive mode", cancellationToken);
            await RunAsync(connection, ForgetDay(oldest), cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }
    }

    /// <summary>In figures that the planner sees, by each part of the index: else it reads all roll-ups, and everyone who has rows to add waits.</summary>
    private static string ForgetDay(long day)
    {
        var text = new StringBuilder();
        var hour = (day + 1) * PeriodCover.Day;
        foreach (var by in Enum.GetValues<OverviewKey>())
        {
            foreach (var span in Periods)
            {
                // With the period that the hour lies in.
                text.Append(CultureInfo.InvariantCulture, $"delete from usage_rollups where dimension = {(int)by} and span = {span} and start < {(hour + span - 1) / span};\n");
                if (hour % span > 0)
                {
                    text.Append(
                        CultureInfo.InvariantCulture,
                        $"""
                        insert into usage_rollups
                        select dimension, {span}, {hour / span}, key, sum(requests), sum(denied), sum(interrupted), sum(price_unknown), sum(input), sum(output),
                            sum(cache_read), sum(cache_write_5m), sum(cache_write_1h), sum(web_searches), sum(cost), sum(failed), sum(parts)
                        from usage_rollups where dimension = {(int)by} and span = 24 and start >= {day + 1} and start < {((hour / span) + 1) * span / PeriodCover.Day} group by dimension, key;

                        """);
                }
            }
        }

        return text.ToString();
    }

    private static async Task<int> RunAsync(
        NpgsqlConnection connection, string text, CancellationToken cancellationToken, params NpgsqlParameter[] parameters)
    {
        await using var command = new NpgsqlCommand(text, connection);
        command.Parameters.AddRange(parameters);
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }

    internal static NpgsqlParameter Nullable(long? value)
        => new() { Value = (object?)value ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Bigint };
}
