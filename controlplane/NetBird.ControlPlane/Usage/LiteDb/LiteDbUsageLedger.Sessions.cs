using LiteDB;
using NetBird.ControlPlane.Usage.Sums;
using NetBird.Gateway.Metering;

namespace NetBird.ControlPlane.Usage.LiteDb;

/// <summary>Pages of sessions, found by what they were active with; only the blocks of those on the page are read.</summary>
internal sealed partial class LiteDbUsageLedger
{
    private ILiteCollection<BsonDocument> Facets => _database.GetCollection("session_facets", BsonAutoId.Int32);

    public ValueTask<UsagePage<SessionSummary>> SessionsAsync(UsageQuery query, CancellationToken cancellationToken)
    {
        query = WithinRetention(query.Narrowed);
        var size = Math.Clamp(query.PageSize, 1, 1000);
        var page = Math.Max(1, query.Page);
        if (query.Refusal is not null)
        {
            return new(query.Session is null ? SessionsRefused(query, page, size, cancellationToken) : SessionSums.Page(Unordered(query, cancellationToken), query));
        }

        var (end, endings) = Ending(query, cancellationToken);
        var (active, total) = _sessions.Page(query, end, endings, page, size);
        if (active.Count == 0)
        {
            return new(new UsagePage<SessionSummary>([], page, size, total));
        }

        var wanted = active.Select(session => (session.Session, session.User)).ToHashSet();
        var within = query with { To = new DateTimeOffset(active.Max(session => session.Last) + 1, TimeSpan.Zero) };
        var hours = _sessions.HoursOf(active.Select(session => (session.Session, session.User?.Value ?? "")), query);
        var blocks = Holding(BlocksWithin(within), hours, long.MinValue);
        var rows = Unordered(within, blocks, cancellationToken).Where(row => row.SessionId is not null && wanted.Contains((row.SessionId, row.User)));
        return new(SessionSums.Page(rows, query with { Page = 1 }) with { Page = page, PageSize = size, TotalRecords = total });
    }

    /// <summary>
    /// The hour in which a range ends, which sessions are not known by the minute of: its rows are read. No hour where the range ends on
    /// one, or after everything.
    /// </summary>
    private (long Hour, Dictionary<(string Session, string User), long> Last) Ending(UsageQuery query, CancellationToken cancellationToken)
    {
        var last = new Dictionary<(string, string), long>();
        if (query.To is not { } to || to.UtcTicks > LastTicks())
        {
            return (long.MaxValue, last);
        }

        var hour = HourOf(to.UtcTicks);
        var start = HourlySums.StartOf(hour);
        foreach (var row in Unordered(query with { From = query.From > start ? query.From : start }, cancellationToken))
        {
            if (row.SessionId is { Length: > 0 } session)
            {
                var key = (session, row.User?.Value ?? "");
                last[key] = Math.Max(last.GetValueOrDefault(key), row.Timestamp.UtcTicks);
            }
        }

        return (hour, last);
    }

    private void StoreSessions(Dictionary<(string Session, string User), SessionActivity> sessions)
    {
        foreach (var (number, facet) in _sessions.UnstoredFacets())
        {
            Facets.Upsert(new BsonDocument
            {
                ["_id"] = number, ["groups"] = facet.Groups, ["provider"] = facet.Provider, ["policy"] = facet.Policy, ["model"] = facet.Model, ["denied"] = facet.Denied,
            });
        }

        foreach (var ((session, user), activity) in sessions)
        {
            Sessions.Upsert(new BsonDocument
            {
                ["_id"] = SessionKey(session, user), ["session"] = session, ["user"] = user, ["first"] = activity.First, ["last"] = activity.Last,
                ["parts"] = activity.Pack(),
            });
        }
    }

    /// <summary>A ledger from before it was kept what sessions were active with is read through once.</summary>
    private void LoadSessions()
    {
        _sessions.Clear();
        _sessions.Take(Facets.FindAll().Select(facet => (facet["_id"].AsInt32, new SessionFacet(
            facet["groups"].AsString, facet["provider"].AsString, facet["policy"].AsString, facet["model"].AsString, facet["denied"].AsBoolean))));
        var users = new Dictionary<string, string>(StringComparer.Ordinal);
        var known = new Dictionary<(string, string), SessionActivity>();
        foreach (var session in Sessions.FindAll())
        {
            if (!session.TryGetValue("parts", out var parts))
            {
                ReadSessionsFromBlocks();
                return;
            }

            // One text for each person, however many sessions they had.
            var user = session["user"].AsString;
            user = users.GetValueOrDefault(user) ?? (users[user] = user);
            known.Add((session["session"].AsString, user), new(session["first"].AsInt64, session["last"].AsInt64, SessionActivity.Unpack(parts.AsBinary)));
        }

        if (known.Count == 0 && _blocks.Count > 0)
        {
            ReadSessionsFromBlocks();
            return;
        }

        _sessions.Replace(known);
    }

    private void ReadSessionsFromBlocks()
    {
        foreach (var block in _blocks)
        {
            _sessions.Replace(_sessions.With(ReadBlock(block.Id)?.All() ?? []));
        }

        _database.BeginTrans();
        StoreSessions(_sessions.All());
        _database.Commit();
    }
}
