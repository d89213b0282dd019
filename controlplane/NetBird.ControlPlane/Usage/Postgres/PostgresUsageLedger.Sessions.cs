using System.Collections.Immutable;
using NetBird.ControlPlane.Store.Postgres;
using NetBird.Primitives;
using Npgsql;

namespace NetBird.ControlPlane.Usage.Postgres;

/// <summary>Pages of sessions, found by their activity; only the rows of those on the page are read.</summary>
internal sealed partial class PostgresUsageLedger
{
    private const string SessionColumns =
        "session_id, user_id, min(begun), max(begun), (array_agg(user_name order by begun desc))[1], "
        + "count(*) filter (where deny_reason is null and kind = 1), count(distinct agent_id) filter (where agent_id <> ''), "
        + "coalesce(array_agg(distinct model) filter (where deny_reason is null and kind = 1), array[]::text[]), "
        + RowSums;

    public async ValueTask<UsagePage<SessionSummary>> SessionsAsync(UsageQuery query, CancellationToken cancellationToken)
        => await PostgresGuard.RunAsync(async () =>
        {
            var size = Math.Clamp(query.PageSize, 1, 1000);
            var page = Math.Max(1, query.Page);
            var byActivity = query.AsksForWholeSessions(time.GetUtcNow());
            var (found, total) = await PageAsync(page, size);
            if (found.IsEmpty && page > 1)
            {
                // A page past the end still says how many there are.
                (_, total) = await PageAsync(1, 1);
            }

            return new UsagePage<SessionSummary>(found, page, size, total);

            Task<(ImmutableArray<SessionSummary>, long)> PageAsync(int number, int rows) => byActivity
                ? SessionsByActivityAsync(query, number, rows, cancellationToken) : SessionsOfRowsAsync(query.Narrowed, number, rows, cancellationToken);
        });

    /// <summary>A session lies where it was active: whatever plan the database takes, it need not look through the year.</summary>
    private async Task<UsageQuery> WithinSessionAsync(UsageQuery query, CancellationToken cancellationToken)
    {
        if (query.Session is not { } session)
        {
            return query;
        }

        await using var command = database.Source.CreateCommand("select min(first), max(last) from usage_sessions where session_id = $1");
        command.Parameters.AddWithValue(session);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var (first, last) = await reader.ReadAsync(cancellationToken) && !reader.IsDBNull(0) ? (reader.GetInt64(0), reader.GetInt64(1)) : (0, 0);
        return query with
        {
            From = query.From is { } from && from.UtcTicks > first ? from : new DateTimeOffset(first, TimeSpan.Zero),
            To = query.To is { } to && to.UtcTicks <= last ? to : new DateTimeOffset(last + 1, TimeSpan.Zero),
        };
    }

    private async Task<(ImmutableArray<SessionSummary> Page, long Total)> SessionsOfRowsAsync(
        UsageQuery query, int page, int size, CancellationToken cancellationToken)
    {
        await using var command = database.Source.CreateCommand();
        var filter = RowFilter.Apply(command, query);
        command.CommandText =
            $"""
            select {SessionColumns}, count(*) over ()
            from usage_rows where {filter} and session_id <> '' group by session_id, user_id
            order by max(begun) desc, session_id collate "C" limit {size} offset {(long)(page - 1) * size}
            """;
        return await ReadSessionsAsync(command, cancellationToken);
    }

    private async Task<(ImmutableArray<SessionSummary> Page, long Total)> SessionsByActivityAsync(
        UsageQuery query, int page, int size, CancellationToken cancellationToken)
    {
        await using var command = database.Source.CreateCommand();
        var active = new List<string> { "true" };
        Add("last >= {0}", query.From?.UtcTicks);
        Add("user_id = {0}", query.User?.Value);
        Add("session_id = {0}", query.Session);
        command.Parameters.AddWithValue(query.From?.UtcTicks ?? 0L);
        command.CommandText =
            $"""
            with active as (
                select session_id as id, user_id as person, last, count(*) over () as sessions from usage_sessions where {string.Join(" and ", active)}
                order by last desc, session_id collate "C" limit {size} offset {(long)(page - 1) * size}
            )
            select {SessionColumns}, max(a.sessions)
            from active a join usage_rows r on r.session_id = a.id and coalesce(r.user_id, '') = a.person
            where begun >= ${command.Parameters.Count} group by session_id, user_id order by max(begun) desc, session_id collate "C"
            """;
        return await ReadSessionsAsync(command, cancellationToken);

        void Add(string condition, object? value)
        {
            if (value is not null)
            {
                command.Parameters.AddWithValue(value);
                active.Add(condition.Replace("{0}", $"${command.Parameters.Count}", StringComparison.Ordinal));
            }
        }
    }

    private static async Task<(ImmutableArray<SessionSummary> Page, long Total)> ReadSessionsAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        var sessions = ImmutableArray.CreateBuilder<SessionSummary>();
        long total = 0;
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            sessions.Add(SessionOf(reader));
            total = reader.GetInt64(19);
        }

        return (sessions.DrainToImmutable(), total);
    }

    private static SessionSummary SessionOf(NpgsqlDataReader reader) => new(
        reader.GetString(0),
        reader.IsDBNull(1) ? null : new UserId(reader.GetString(1)),
        reader.GetString(4),
        new(reader.GetInt64(2), TimeSpan.Zero),
        new(reader.GetInt64(3), TimeSpan.Zero),
        reader.GetInt64(5),
        (int)reader.GetInt64(6),
        [.. reader.GetFieldValue<string[]>(7).Order(StringComparer.Ordinal)],
        Totals(reader, 8));
}
