using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.CompilerServices;
using NetBird.ControlPlane.Store.Postgres;
using NetBird.Gateway.Metering;
using NetBird.Primitives;
using Npgsql;

namespace NetBird.ControlPlane.Usage.Postgres;

/// <summary>Pages, exports and sessions.</summary>
internal sealed partial class PostgresUsageLedger
{
    private const string RowSums =
        $"count(*), count(*) filter (where deny_reason is not null), count(*) filter (where {Interrupted}), count(*) filter (where price_unknown), "
        + "usage_sum(input), usage_sum(output), usage_sum(cache_read), usage_sum(cache_write_5m), usage_sum(cache_write_1h), "
        + $"usage_sum(web_searches), usage_sum(cost), count(*) filter (where {Failed}), count(*) filter (where {Part})";

    public async ValueTask<UsagePage<UsageRecord>> QueryAsync(UsageQuery query, CancellationToken cancellationToken)
        => await PostgresGuard.RunAsync(async () =>
        {
            var size = Math.Clamp(query.PageSize, 1, 1000);
            var page = Math.Max(1, query.Page);
            query = await WithinSessionAsync(query.Narrowed, cancellationToken);
            var (total, hours) = await CountAsync(query, cancellationToken);
            var skip = (long)(page - 1) * size;
            if (skip >= total)
            {
                return new UsagePage<UsageRecord>([], page, size, total);
            }

            await using var command = database.Source.CreateCommand();
            var ordered = $"order by begun desc, id collate \"C\" limit {size} offset {skip}";
            var filter = query.Refusal is null ? RowFilter.Apply(command, query) : RowFilter.ApplyToRefusals(command, query);
            var from = $"usage_rows where {filter}";
            if (query.Refusal is not null)
            {
                from = $"usage_rows where id = any(array(select id from usage_refusals where {filter} {ordered}))";
                ordered = "order by begun desc, id collate \"C\"";
            }
            else if (Narrow(query, hours, skip + size) is { } within)
            {
                command.Parameters.AddWithValue(within);
                from =
                    $"""
                    unnest(${command.Parameters.Count}) as h (hour) cross join lateral (
                        select * from usage_rows where begun >= h.hour * 36000000000 and begun < (h.hour + 1) * 36000000000 and {filter} offset 0) r
                    """;
            }

            command.CommandText = $"select {RowColumns.Names} from {from} {ordered}";
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
            $"select {RowColumns.Names} from usage_rows where {RowFilter.Apply(command, query.Narrowed)} order by begun desc, id collate \"C\""
            + (query.Newest is { } newest ? string.Create(CultureInfo.InvariantCulture, $" limit {newest}") : "");
        await using var reader = await PostgresGuard.RunAsync(() => command.ExecuteReaderAsync(cancellationToken));
        while (await PostgresGuard.RunAsync(() => reader.ReadAsync(cancellationToken)))
        {
            yield return RowColumns.Read(reader);
        }
    }

    /// <summary>Sums from a column on, in the order of <see cref="RowSums"/>.</summary>
    private static UsageTotals Totals(NpgsqlDataReader reader, int at)
    {
        return new(
            Value(0), Value(1), Value(2), Value(3), new(Value(4), Value(5), Value(6), Value(7), Value(8)), Value(9), new(Value(10)), Value(11), Value(12));

        long Value(int offset) => reader.GetInt64(at + offset);
    }
}
