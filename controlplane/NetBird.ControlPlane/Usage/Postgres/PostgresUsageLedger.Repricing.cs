using NetBird.ControlPlane.Store.Postgres;
using NetBird.Gateway.Metering;
using Npgsql;

namespace NetBird.ControlPlane.Usage.Postgres;

/// <summary>Pricing anew: some thousand rows with their hours and roll-ups in one transaction.</summary>
internal sealed partial class PostgresUsageLedger
{
    /// <summary>Ours: a transaction of about a tenth of a second.</summary>
    private const int RepricedAtOnce = 2_000;

    // Rows that another node is pricing at the same time, or has priced, keep what they have.
    private const string RepriceRows =
        """
        create temp table usage_repriced on commit drop as
        with changed as (
            update usage_rows r set cost = v.cost, price_unknown = v.unknown
            from unnest($1, $2, $3, $4, $5) as v (id, was, was_unknown, cost, unknown)
            where r.id = v.id and r.cost = v.was and r.price_unknown = v.was_unknown
            returning r.begun, coalesce(r.user_id, '') as user_id, coalesce(r.charged_group, '') as charged_group,
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
        => await PostgresGuard.RunAsync(async () =>
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
            await transaction.CommitAsync(cancellationToken);
            return true;
        });
}
