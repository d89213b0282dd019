using NetBird.ControlPlane.Store.Postgres;
using NetBird.Gateway.Metering;
using NetBird.Policy.Limits;
using Npgsql;

namespace NetBird.ControlPlane.Usage.Postgres;

/// <summary>Pricing anew: some thousand rows with their hours, roll-ups and counters in one transaction.</summary>
internal sealed partial class PostgresUsageLedger
{
    /// <summary>Ours: a transaction of about a tenth of a second.</summary>
    private const int RepricedAtOnce = 2_000;

    /// <summary>Ours: a minute in which some counter or other was busy at each try.</summary>
    private const int MostTries = 120;

    private static readonly TimeSpan BetweenTries = TimeSpan.FromMilliseconds(500);

    // Rows that another node is pricing at the same time, or has priced, keep what they have.
    private const string RepriceRows =
        """
        create temp table usage_repriced on commit drop as
        with changed as (
            update usage_rows r set cost = v.cost, price_unknown = v.unknown
            from unnest($1, $2, $3, $4, $5) as v (id, was, was_unknown, cost, unknown)
            where r.id = v.id and r.cost = v.was and r.price_unknown = v.was_unknown
            returning r.begun, r.ended, coalesce(r.user_id, '') as user_id, coalesce(r.charged_group, '') as charged_group,
                array_to_string(r.group_ids, ' ') as groups, coalesce(r.policy_id, '') as policy_id, coalesce(r.provider_id, '') as provider_id,
                r.model, r.deny_reason is not null as denied, v.cost - v.was as cost, v.unknown::int - v.was_unknown::int as unknown
        )
        select * from changed
        """;

    // Locked in the order in which new rows lock them, so that neither waits for the other for ever.
    private const string RepriceHours =
        """
        create temp table usage_repriced_hours on commit drop as
        select begun / 36000000000 as hour, user_id, charged_group, groups, policy_id, provider_id, model, denied,
            sum(cost)::bigint as cost, sum(unknown)::bigint as unknown
        from usage_repriced group by 1, 2, 3, 4, 5, 6, 7, 8;

        select 1 from usage_hours h join usage_repriced_hours d using (hour, user_id, charged_group, groups, policy_id, provider_id, model, denied)
        order by hour, user_id, charged_group, groups, policy_id, provider_id, model, denied for update of h;

        update usage_hours h set cost = h.cost + d.cost, price_unknown = h.price_unknown + d.unknown from usage_repriced_hours d
        where (h.hour, h.user_id, h.charged_group, h.groups, h.policy_id, h.provider_id, h.model, h.denied)
            = (d.hour, d.user_id, d.charged_group, d.groups, d.policy_id, d.provider_id, d.model, d.denied);
        """;

    private const string RepriceRollups =
        $"""
        create temp table usage_repriced_rollups on commit drop as
        select d.dimension, s.span, a.begun / (36000000000 * s.span) as start, d.key, sum(cost)::bigint as cost, sum(unknown)::bigint as unknown
        from usage_repriced a
        cross join lateral {EachDimension}
        cross join {EachPeriod}
        group by 1, 2, 3, 4;

        select 1 from usage_rollups r join usage_repriced_rollups d using (dimension, span, start, key) order by dimension, span, start, key for update of r;

        update usage_rollups r set cost = r.cost + d.cost, price_unknown = r.price_unknown + d.unknown from usage_repriced_rollups d
        where (r.dimension, r.span, r.start, r.key) = (d.dimension, d.span, d.start, d.key);
        """;

    // Each difference where the counter counted the request: in the slot in which it was settled, at its end or just after. Nobody waits for
    // this for long, and it waits for nobody: requests hold a slot for a moment, counters are built (usage_recall) for seconds.
    private const string HoldCounters =
        """
        set local lock_timeout = '100ms';
        select pg_advisory_xact_lock(7788);
        """;

    private const string FindCounters =
        """
        create temp table usage_repriced_slots on commit drop as
        with counters as (
            select key, window_ticks, left(key, 1) = 'r' as rule, split_part(key, ':', 2) as source, split_part(key, ':', 3) as scope, split_part(key, ':', 4) as subject
            from usage_counters where split_part(key, ':', 5) = '2'
        ), counted as (
            select c.key, c.window_ticks, r.ended, r.cost from counters c join usage_repriced r on r.user_id = c.subject
            where c.scope = '1' and (c.rule or r.policy_id = c.source)
            union all
            select c.key, c.window_ticks, r.ended, r.cost from counters c join usage_repriced r on r.charged_group = c.subject and r.policy_id = c.source
            where c.scope = '2' and not c.rule
            union all
            select c.key, c.window_ticks, r.ended, r.cost
            from counters c join (select *, unnest(string_to_array(groups, ' ')) as member_of from usage_repriced) r on r.member_of = c.subject
            where c.scope = '2' and c.rule
            union all
            select c.key, c.window_ticks, r.ended, r.cost
            from counters c left join unnest($1, $2) as n (source, members) on c.rule and n.source = c.source
            join usage_repriced r on case when c.rule then n.members is null or r.user_id = any(string_to_array(n.members, ' ')) else r.policy_id = c.source end
            where c.scope = '3'
        ), placed as (
            select c.key, c.ended, c.cost, coalesce(
                (select slot from usage_slots s where s.key = c.key and s.at >= c.ended order by slot limit 1),
                case when c.cost > 0 then c.ended / greatest(1, c.window_ticks / 500) end,
                (select slot from usage_slots s where s.key = c.key and s.at > t.now - c.window_ticks order by slot desc limit 1)) as slot
            from counted c cross join (select coalesce($3, usage_clock()) as now) t
            where c.cost <> 0 and c.ended > t.now - c.window_ticks
        )
        select key, slot, max(ended) as at, sum(cost) as cost from placed where slot is not null group by key, slot
        """;

    private const string ChangeCounters =
        """
        insert into usage_slots as s (key, slot, at, amount) select key, slot, at, cost from usage_repriced_slots order by key, slot
        on conflict (key, slot) do update set amount = least(s.amount::numeric + excluded.amount, 9000000000000000000)::bigint
        returning key
        """;

    public async ValueTask<RepricedTotals> RepriceAsync(
        UsageQuery query, Func<UsageRecord, RowPrice> price, bool apply, CancellationToken cancellationToken)
    {
        var totals = new RepricedTotals();
        var changed = new List<(UsageRecord Row, RowPrice Now)>();
        await foreach (var row in EnumerateAsync(query, cancellationToken))
        {
            var now = price(row);
            if (totals.Note(row, now) && apply)
            {
                changed.Add((row, now));
                if (changed.Count == RepricedAtOnce)
                {
                    await RepriceAsync(changed, cancellationToken);
                    changed.Clear();
                }
            }
        }

        if (changed.Count > 0)
        {
            await RepriceAsync(changed, cancellationToken);
        }

        return totals;
    }

    private async Task RepriceAsync(List<(UsageRecord Row, RowPrice Now)> changed, CancellationToken cancellationToken)
        => charged.Note(await PostgresGuard.RunAsync(async () =>
        {
            for (var tries = 1; ; tries++)
            {
                try
                {
                    return await RepriceOnceAsync(changed, cancellationToken);
                }
                catch (PostgresException busy) when (tries < MostTries && busy.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected)
                {
                    await Task.Delay(BetweenTries, TimeProvider.System, cancellationToken);
                }
            }
        }));

    /// <returns>Counters that changed.</returns>
    private async Task<List<CounterKey>> RepriceOnceAsync(List<(UsageRecord Row, RowPrice Now)> changed, CancellationToken cancellationToken)
    {
        await using var connection = await database.Vital.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await RunAsync(
            connection,
            RepriceRows,
            cancellationToken,
            new NpgsqlParameter { Value = changed.Select(change => change.Row.Id.Value).ToArray() },
            new NpgsqlParameter { Value = changed.Select(change => change.Row.Cost.Value).ToArray() },
            new NpgsqlParameter { Value = changed.Select(change => change.Row.PriceUnknown).ToArray() },
            new NpgsqlParameter { Value = changed.Select(change => change.Now.Cost.Value).ToArray() },
            new NpgsqlParameter { Value = changed.Select(change => change.Now.Unknown).ToArray() });
        await RunAsync(connection, RepriceHours, cancellationToken);
        await RunAsync(connection, RepriceRollups, cancellationToken);
        await RunAsync(connection, HoldCounters, cancellationToken);
        var rules = policies.Current?.BudgetRules.Where(rule => !rule.TargetUsers.IsEmpty).ToList() ?? [];
        await RunAsync(
            connection,
            FindCounters,
            cancellationToken,
            new NpgsqlParameter { Value = rules.Select(rule => rule.Id.Value).ToArray() },
            new NpgsqlParameter { Value = rules.Select(rule => string.Join(' ', rule.TargetUsers)).ToArray() },
            Nullable(database.Now));
        var counters = new HashSet<CounterKey>();
        await using (var change = new NpgsqlCommand(ChangeCounters, connection))
        await using (var reader = await change.ExecuteReaderAsync(cancellationToken))
        {
            while (await reader.ReadAsync(cancellationToken))
            {
                if (CapArrays.TryParseKey(reader.GetString(0), out var counter))
                {
                    counters.Add(counter);
                }
            }
        }

        await transaction.CommitAsync(cancellationToken);
        return [.. counters];
    }
}
