using NetBird.ControlPlane.Usage.Sums;
using Npgsql;

namespace NetBird.ControlPlane.Usage.Postgres;

/// <summary>How many rows a query asks for: whole hours from the roll-ups, the parts of an hour at either end from rows.</summary>
internal sealed partial class PostgresUsageLedger
{
    private const short Hour = 1;
    private const short Day = 24;

    /// <summary>Hours as roll-ups by day and, where the range differs from days, by hour.</summary>
    private static IEnumerable<RollupRange> Rollups((int Part, long First, long Last) hours)
        => DayCover.Of(hours.First, hours.Last).Select(cover => new RollupRange(
            hours.Part, cover.First, cover.Last, cover.Days ? Day : Hour, (short)cover.Sign));

    /// <summary>Roll-ups that are added to a part of an answer, or taken off it.</summary>
    private readonly record struct RollupRange(int Part, long First, long Last, short Span, short Sign);

    private async Task<long> CountAsync(UsageQuery query, CancellationToken cancellationToken)
    {
        await using var connection = await database.Source.OpenConnectionAsync(cancellationToken);
        if (query.Session is not null || query.Refusal is not null)
        {
            return await CountRowsAsync(connection, query, cancellationToken);
        }

        // Sums are kept for longer than rows.
        await using var kept = new NpgsqlCommand("select coalesce(max(value), 0) from usage_meta where name = 'rows_from'", connection);
        var from = Math.Max(query.From?.UtcTicks ?? 0, (long)(await kept.ExecuteScalarAsync(cancellationToken))!);
        var to = query.To?.UtcTicks ?? DateTimeOffset.MaxValue.UtcTicks;
        var first = (from + TimeSpan.TicksPerHour - 1) / TimeSpan.TicksPerHour;
        var end = to / TimeSpan.TicksPerHour;
        if (first >= end)
        {
            return await CountRowsAsync(connection, query, cancellationToken);
        }

        var count = IsOneDimension(query)
            ? await CountRollupsAsync(connection, query, first, end, cancellationToken)
            : await CountHoursAsync(connection, query, first, end, cancellationToken);
        if (from < first * TimeSpan.TicksPerHour && query.From is not null)
        {
            count += await CountRowsAsync(connection, query with { To = HourlySums.StartOf(first) }, cancellationToken);
        }

        if (query.To is not null && to > end * TimeSpan.TicksPerHour)
        {
            count += await CountRowsAsync(connection, query with { From = HourlySums.StartOf(end) }, cancellationToken);
        }

        return count;
    }

    private static bool IsOneDimension(UsageQuery query)
        => query.Group is null && query.Policy is null
            && (query.User is null ? 0 : 1) + (query.Model is null ? 0 : 1) + (query.Provider is null ? 0 : 1) <= 1;

    private static async Task<long> CountRowsAsync(NpgsqlConnection connection, UsageQuery query, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand { Connection = connection };
        command.CommandText = $"select count(*) from usage_rows where {RowFilter.Apply(command, query)}";
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private static async Task<long> CountRollupsAsync(
        NpgsqlConnection connection, UsageQuery query, long first, long end, CancellationToken cancellationToken)
    {
        // Without a filter any dimension will do; there are fewest providers.
        var (dimension, key) = query switch
        {
            { User: { } user } => (OverviewKey.User, user.Value),
            { Model: { } model } => (OverviewKey.Model, model),
            _ => (OverviewKey.Provider, query.Provider?.Value),
        };
        var what = query.Allowed switch { true => "requests - denied", false => "denied", null => "requests" };
        await using var command = new NpgsqlCommand(
            $"""
            select coalesce(sum(p.sign * r.n), 0)::bigint from unnest($1, $2, $3, $4) as p (first, last, span, sign) cross join lateral (
                select sum({what}) as n from usage_rollups
                where dimension = {(int)dimension} and span = p.span and start >= p.first and start < p.last {(key is null ? "" : "and key = $5")}) r
            """,
            connection);
        var parts = Rollups((0, first, end)).ToList();
        command.Parameters.AddWithValue(parts.Select(part => part.First).ToArray());
        command.Parameters.AddWithValue(parts.Select(part => part.Last).ToArray());
        command.Parameters.AddWithValue(parts.Select(part => part.Span).ToArray());
        command.Parameters.AddWithValue(parts.Select(part => part.Sign).ToArray());
        if (key is not null)
        {
            command.Parameters.AddWithValue(key);
        }

        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private static async Task<long> CountHoursAsync(
        NpgsqlConnection connection, UsageQuery query, long first, long end, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand { Connection = connection };
        var conditions = new List<string>();
        Add("hour >= {0}", first);
        Add("hour < {0}", end);
        Add("user_id = {0}", query.User?.Value);
        Add("{0} = any(string_to_array(groups, ' '))", query.Group?.Value);
        Add("provider_id = {0}", query.Provider?.Value);
        Add("policy_id = {0}", query.Policy?.Value);
        Add("model = {0}", query.Model);
        Add("denied <> {0}", query.Allowed);
        command.CommandText = $"select coalesce(sum(requests), 0)::bigint from usage_hours where {string.Join(" and ", conditions)}";
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;

        void Add(string condition, object? value)
        {
            if (value is not null)
            {
                command.Parameters.AddWithValue(value);
                conditions.Add(condition.Replace("{0}", $"${command.Parameters.Count}", StringComparison.Ordinal));
            }
        }
    }
}
