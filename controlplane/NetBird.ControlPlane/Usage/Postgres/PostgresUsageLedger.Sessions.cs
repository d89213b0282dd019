using System.Collections.Immutable;
using System.Globalization;
using NetBird.ControlPlane.Store.Postgres;
using NetBird.ControlPlane.Usage.Sums;
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

    /// <summary>Ours: for each session up to the end of a page.</summary>
    private const int PartsLookedAt = 16;

    public async ValueTask<UsagePage<SessionSummary>> SessionsAsync(UsageQuery query, CancellationToken cancellationToken)
        => await PostgresGuard.RunAsync(async () =>
        {
            query = query.Narrowed;
            var size = Math.Clamp(query.PageSize, 1, 1000);
            var page = Math.Max(1, query.Page);
            await using var connection = await database.Source.OpenConnectionAsync(cancellationToken);
            var facets = await FacetsAsync(connection, query, cancellationToken);
            var to = query.To is { } end && end.UtcTicks <= (await BoundsAsync(connection, cancellationToken)).Last ? end : (DateTimeOffset?)null;
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            var (active, total) = query.Refusal is not null || facets is not null || to is not null
                ? await ActiveWithAsync(connection, query with { To = to }, facets, page, size, cancellationToken)
                : await ActiveAsync(connection, query, page, size, cancellationToken);
            return new UsagePage<SessionSummary>(await SummariesAsync(connection, query, active, cancellationToken), page, size, total);
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

    /// <summary>Facets that a query asks for; null: all there are.</summary>
    private static async Task<long[]?> FacetsAsync(NpgsqlConnection connection, UsageQuery query, CancellationToken cancellationToken)
    {
        if (query.IsOfAnyFacet)
        {
            return null;
        }

        await using var command = new NpgsqlCommand { Connection = connection };
        var conditions = new Conditions(command);
        conditions.Add("{0} = any(string_to_array(groups, ' '))", query.Group?.Value);
        RowFilter.AddRoute(conditions, query);
        conditions.Add("denied <> {0}", query.Allowed);
        command.CommandText = $"select coalesce(array_agg(facet) filter (where {conditions}), array[]::bigint[]), count(*) from usage_facets";
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        var facets = reader.GetFieldValue<long[]>(0);
        return facets.Length == reader.GetInt64(1) ? null : facets;
    }

    /// <summary>A page of sessions by when they were last active, whatever with, and how many there are.</summary>
    private static async Task<(List<ActiveSession> Page, long Total)> ActiveAsync(
        NpgsqlConnection connection, UsageQuery query, int page, int size, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand { Connection = connection };
        var conditions = new Conditions(command);
        conditions.Add("last >= {0}", query.From?.UtcTicks);
        conditions.Add("user_id = {0}", query.User?.Value);
        conditions.Add("session_id = {0}", query.Session);
        command.CommandText =
            $"""
            select (select count(*) from usage_sessions where {conditions}), session_id, user_id, last from (
                select * from usage_sessions where {conditions} order by last desc, session_id collate "C" limit {size} offset {(long)(page - 1) * size}) s
            right join (select 1) one on true
            order by last desc, session_id collate "C"
            """;
        return await ReadActiveAsync(command, cancellationToken);
    }

    /// <summary>
    /// As <see cref="ActiveAsync"/>, of some facets or before some end: from the parts of whole hours, and from the rows of the hour in which
    /// the range ends. Words of refusals are looked for among the refused. Sessions of the page are looked up one by one: offset 0 keeps the planner to it.
    /// </summary>
    private static async Task<(List<ActiveSession> Page, long Total)> ActiveWithAsync(
        NpgsqlConnection connection, UsageQuery query, long[]? facets, int page, int size, CancellationToken cancellationToken)
    {
        // Half a million sessions are counted in memory; with what a query has otherwise it would be on disk.
        await RunAsync(connection, "set local work_mem = '64MB'", cancellationToken);

        // Whoever was active last is among the newest parts, of which a session has a few; where it has many, all are looked through.
        var skip = (long)(page - 1) * size;
        var found = await ActiveWithAsync(connection, query, facets, skip, size, (skip + size) * PartsLookedAt, cancellationToken);
        return found.Page.Count == size || skip + found.Page.Count >= found.Total
            ? found : await ActiveWithAsync(connection, query, facets, skip, size, null, cancellationToken);
    }

    /// <param name="connection">With a transaction.</param>
    /// <param name="query">Which sessions.</param>
    /// <param name="facets">Of which facets; null: of any.</param>
    /// <param name="skip">Sessions before the page.</param>
    /// <param name="size">Sessions of the page.</param>
    /// <param name="newest">The page is looked for among so many parts; null: among all.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    private static async Task<(List<ActiveSession> Page, long Total)> ActiveWithAsync(
        NpgsqlConnection connection, UsageQuery query, long[]? facets, long skip, int size, long? newest, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand { Connection = connection };
        var found = new List<string>();
        var mine = "";
        if (query.User is not null || query.Session is not null)
        {
            var whose = new Conditions(command);
            whose.Add("user_id = {0}", query.User?.Value);
            whose.Add("session_id = {0}", query.Session);
            mine = $" and session = any(array(select usage_session(user_id, session_id) from usage_sessions where {whose}))";
        }

        if (query.Refusal is not null)
        {
            found.Add($"select usage_session(user_id, session_id), begun from usage_refusals where {RowFilter.ApplyToRefusals(command, query)} and session_id <> ''");
        }
        else
        {
            var parts = new Conditions(command);
            parts.Add("last >= {0}", query.From?.UtcTicks);
            parts.Add("facet = any({0})", facets);
            parts.Add("hour < {0}", query.To?.UtcTicks / TimeSpan.TicksPerHour);
            found.Add($"select session, last from usage_session_parts where {parts}{mine}");
            var start = HourlySums.StartOf(HourlySums.HourOf(query.To ?? DateTimeOffset.MinValue));
            var rows = query with { From = query.From > start ? query.From : start };
            if (rows.From < query.To)
            {
                found.Add($"select usage_session(user_id, session_id), max(begun) from usage_rows where {RowFilter.Apply(command, rows)} and session_id <> '' group by 1");
            }
        }

        // Sorting numbers counts them in half the time that grouping takes. Reading the parts twice costs less than keeping them; matching words does not.
        command.CommandText =
            $"""
            with found (session, last) as {(query.Refusal is null ? "not " : "")}materialized ({string.Join(" union all ", found)}), newest as (
                select session, last from found order by last desc, session limit {newest?.ToString(CultureInfo.InvariantCulture) ?? "null"}
            ), page as (
                select session, max(last) as last from newest group by session order by last desc, session limit {size} offset {skip}
            )
            select (select count(distinct session) from found), s.session_id, s.user_id, p.last
            from page p cross join lateral (
                select * from usage_sessions where usage_session(user_id, session_id) = p.session offset 0) s right join (select 1) one on true
            order by p.last desc, s.session_id collate "C"
            """;
        return await ReadActiveAsync(command, cancellationToken);
    }

    private static async Task<(List<ActiveSession> Page, long Total)> ReadActiveAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        var (sessions, total) = (new List<ActiveSession>(), 0L);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            total = reader.GetInt64(0);
            if (!reader.IsDBNull(1))
            {
                sessions.Add(new(reader.GetString(1), reader.GetString(2), reader.GetInt64(3)));
            }
        }

        return (sessions, total);
    }

    /// <summary>What a page shows of its sessions, from their rows.</summary>
    private static async Task<ImmutableArray<SessionSummary>> SummariesAsync(
        NpgsqlConnection connection, UsageQuery query, List<ActiveSession> active, CancellationToken cancellationToken)
    {
        if (active.Count == 0)
        {
            return [];
        }

        await using var command = new NpgsqlCommand { Connection = connection };
        command.Parameters.AddWithValue(active.Select(session => session.Session).ToArray());
        command.Parameters.AddWithValue(active.Select(session => session.User).ToArray());
        command.CommandText =
            $"""
            select {SessionColumns} from unnest($1, $2) as a (session, person) cross join lateral (
                select * from usage_rows where session_id = a.session and coalesce(user_id, '') = a.person and {RowFilter.Apply(command, query)} offset 0) r
            group by session_id, user_id
            """;
        var summaries = new Dictionary<(string, string), SessionSummary>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var summary = SessionOf(reader);
            summaries.Add((summary.SessionId, summary.User?.Value ?? ""), summary);
        }

        // Retention may have taken the rows of one meanwhile.
        return [.. active.Select(session => summaries.GetValueOrDefault((session.Session, session.User))).OfType<SessionSummary>()];
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

    private readonly record struct ActiveSession(string Session, string User, long Last);
}
