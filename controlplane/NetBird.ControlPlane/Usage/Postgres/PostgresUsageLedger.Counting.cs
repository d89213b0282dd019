using NetBird.ControlPlane.Usage.Sums;
using Npgsql;

namespace NetBird.ControlPlane.Usage.Postgres;

/// <summary>How many rows a query asks for: whole hours from the roll-ups, the parts of an hour at either end from rows.</summary>
internal sealed partial class PostgresUsageLedger
{
    /// <summary>Hours of the periods that usage.sql keeps roll-ups of.</summary>
    private static readonly int[] Periods = [672, 168, PeriodCover.Day, PeriodCover.Hour];

    private const string EachDimension =
        "(values (1::smallint, user_id), (2::smallint, charged_group), (3::smallint, model), (4::smallint, provider_id)) d (dimension, key)";

    private const string EachPeriod = "(values (1::smallint), (24::smallint), (168::smallint), (672::smallint)) s (span)";

    private static IEnumerable<RollupRange> Rollups(long first, long last)
        => PeriodCover.Of(first, last, Periods).Select(cover => new RollupRange(cover.First, cover.Last, (short)cover.Length, cover.Sign));

    /// <summary>Roll-ups that are added to an answer, or taken off it.</summary>
    private readonly record struct RollupRange(long First, long Last, short Length, int Sign);

    /// <summary>How many, and in which hours where that tells where to look for them; the hours at the ends of the range may hold more.</summary>
    private async Task<(long Total, List<FilledHour>? Hours)> CountAsync(UsageQuery query, CancellationToken cancellationToken)
    {
        await using var connection = await database.Source.OpenConnectionAsync(cancellationToken);
        if (query.Session is not null || query.Refusal is not null)
        {
            return (await CountRowsAsync(connection, query, cancellationToken), null);
        }

        // Sums are kept for longer than rows.
        await using var kept = new NpgsqlCommand("select coalesce(max(value), 0) from usage_meta where name = 'rows_from'", connection);
        var from = Math.Max(query.From?.UtcTicks ?? 0, (long)(await kept.ExecuteScalarAsync(cancellationToken))!);
        var to = query.To?.UtcTicks ?? DateTimeOffset.MaxValue.UtcTicks;
        var first = (from + TimeSpan.TicksPerHour - 1) / TimeSpan.TicksPerHour;
        var end = to / TimeSpan.TicksPerHour;
        if (first >= end)
        {
            return (await CountRowsAsync(connection, query, cancellationToken), null);
        }

        List<FilledHour>? hours = null;
        long count;
        if (IsOneDimension(query) && query is { Model: null, Provider: null })
        {
            count = await CountRollupsAsync(connection, query, first, end, cancellationToken);
        }
        else
        {
            hours = IsOneDimension(query)
                ? await HoursOfRollupsAsync(connection, query, first, end, cancellationToken)
                : await CountHoursAsync(connection, query, first, end, cancellationToken);
            count = hours.Sum(hour => hour.Requests);
        }

        if (from < first * TimeSpan.TicksPerHour && query.From is not null)
        {
            count += await CountEdgeAsync(query with { To = HourlySums.StartOf(first) }, first - 1);
        }

        if (query.To is not null && to > end * TimeSpan.TicksPerHour)
        {
            count += await CountEdgeAsync(query with { From = HourlySums.StartOf(end) }, end);
        }

        return (count, hours);

        async Task<long> CountEdgeAsync(UsageQuery edge, long hour)
        {
            var rows = await CountRowsAsync(connection, edge, cancellationToken);
            if (rows > 0)
            {
                hours?.Add(new(hour, rows));
            }

            return rows;
        }
    }

    /// <summary>
    /// The hours that hold the newest so many rows of a filter for which there is no index; null where all hours do as well. Rows of a group
    /// that made five requests in a month would be looked for in all of it.
    /// </summary>
    private static long[]? Narrow(UsageQuery query, List<FilledHour>? hours, long rows)
    {
        if (hours is null || query.User is not null)
        {
            return null;
        }

        var needed = new List<long>();
        var found = 0L;
        foreach (var hour in hours.OrderByDescending(hour => hour.Hour).TakeWhile(_ => found < rows))
        {
            needed.Add(hour.Hour);
            found += hour.Requests;
        }

        return [.. needed];
    }

    private static bool IsOneDimension(UsageQuery query)
        => query.Group is null && query.Policy is null
            && (query.User is null ? 0 : 1) + (query.Model is null ? 0 : 1) + (query.Provider is null ? 0 : 1) <= 1;

    private static async Task<long> CountRowsAsync(NpgsqlConnection connection, UsageQuery query, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand { Connection = connection };
        command.CommandText = query.Refusal is null
            ? $"select count(*) from usage_rows where {RowFilter.Apply(command, query)}"
            : $"select count(*) from usage_refusals where {RowFilter.ApplyToRefusals(command, query)}";
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private static async Task<long> CountRollupsAsync(
        NpgsqlConnection connection, UsageQuery query, long first, long end, CancellationToken cancellationToken)
    {
        var (dimension, key) = query.User is { } user ? (OverviewKey.User, user.Value) : (OverviewKey.Provider, (string?)null); // of which there are fewest
        var what = Counted(query);
        await using var command = new NpgsqlCommand(
            $"""
            select coalesce(sum(p.sign * r.n), 0)::bigint from unnest($1, $2, $3, $4) as p (first, last, span, sign) cross join lateral (
                select sum({what}) as n from usage_rollups
                where dimension = {(int)dimension} and span = p.span and start >= p.first and start < p.last {(key is null ? "" : "and key = $5")}) r
            """,
            connection);
        var parts = Rollups(first, end).ToList();
        command.Parameters.AddWithValue(parts.Select(part => part.First).ToArray());
        command.Parameters.AddWithValue(parts.Select(part => part.Last).ToArray());
        command.Parameters.AddWithValue(parts.Select(part => part.Length).ToArray());
        command.Parameters.AddWithValue(parts.Select(part => part.Sign).ToArray());
        if (key is not null)
        {
            command.Parameters.AddWithValue(key);
        }

        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>Hours of a model or a provider.</summary>
    private static Task<List<FilledHour>> HoursOfRollupsAsync(
        NpgsqlConnection connection, UsageQuery query, long first, long end, CancellationToken cancellationToken)
    {
        var command = new NpgsqlCommand { Connection = connection };
        var conditions = new Conditions(command);
        conditions.Add("dimension = {0}", (short)(query.Model is null ? OverviewKey.Provider : OverviewKey.Model));
        conditions.Add($"span = {PeriodCover.Hour}");
        conditions.Add("start >= {0}", first);
        conditions.Add("start < {0}", end);
        conditions.Add("key = {0}", query.Model ?? query.Provider?.Value);
        conditions.Add($"{Counted(query)} > 0");
        command.CommandText = $"select start, {Counted(query)} from usage_rollups where {conditions}";
        return ReadHoursAsync(command, cancellationToken);
    }

    private static string Counted(UsageQuery query) => query.Allowed switch { true => "requests - denied", false => "denied", null => "requests" };

    private static Task<List<FilledHour>> CountHoursAsync(
        NpgsqlConnection connection, UsageQuery query, long first, long end, CancellationToken cancellationToken)
    {
        var command = new NpgsqlCommand { Connection = connection };
        var conditions = new Conditions(command);
        conditions.Add("hour >= {0}", first);
        conditions.Add("hour < {0}", end);
        conditions.Add("user_id = {0}", query.User?.Value);
        conditions.Add("groups = any(array(select distinct groups from usage_facets where {0} = any(string_to_array(groups, ' '))))", query.Group?.Value);
        RowFilter.AddRoute(conditions, query);
        conditions.Add("denied <> {0}", query.Allowed);
        command.CommandText = $"select hour, sum(requests)::bigint from usage_hours where {conditions} group by hour";
        return ReadHoursAsync(command, cancellationToken);
    }

    private static async Task<List<FilledHour>> ReadHoursAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        await using var owned = command;
        var hours = new List<FilledHour>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            hours.Add(new(reader.GetInt64(0), reader.GetInt64(1)));
        }

        return hours;
    }

    /// <summary>An hour (UTC) with requests that were asked for.</summary>
    private readonly record struct FilledHour(long Hour, long Requests);
}
