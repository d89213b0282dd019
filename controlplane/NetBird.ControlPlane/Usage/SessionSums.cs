using System.Collections.Immutable;
using NetBird.Gateway.Metering;
using NetBird.Policy;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage;

/// <summary>Gathers rows into sessions.</summary>
internal static class SessionSums
{
    /// <summary>One page of the sessions in some rows, the last active first.</summary>
    public static UsagePage<SessionSummary> Page(IEnumerable<UsageRecord> rows, UsageQuery query)
    {
        var sessions = Gather(rows);
        var size = Math.Clamp(query.PageSize, 1, 1000);
        var page = Math.Max(1, query.Page);
        return new(Ordered(sessions, (int)Math.Min(int.MaxValue, (long)(page - 1) * size), size), page, size, sessions.Count);
    }

    /// <summary>Some of the sessions in some rows, the last active first.</summary>
    public static ImmutableArray<SessionSummary> Page(IEnumerable<UsageRecord> rows, int skip, int size) => Ordered(Gather(rows), skip, size);

    private static Dictionary<(string, UserId?), Gathered> Gather(IEnumerable<UsageRecord> rows)
    {
        var sessions = new Dictionary<(string, UserId?), Gathered>();
        foreach (var row in rows)
        {
            if (row.SessionId is not { Length: > 0 } id)
            {
                continue;
            }

            if (!sessions.TryGetValue((id, row.User), out var session))
            {
                sessions.Add((id, row.User), session = new());
            }

            session.Add(row);
        }

        return sessions;
    }

    private static ImmutableArray<SessionSummary> Ordered(Dictionary<(string, UserId?), Gathered> sessions, int skip, int size)
        => [.. sessions
            .OrderByDescending(session => session.Value.LastAt)
            .ThenBy(session => session.Key.Item1, StringComparer.Ordinal)
            .Skip(skip)
            .Take(size)
            .Select(session => session.Value.ToSummary(session.Key.Item1, session.Key.Item2))];

    private sealed class Gathered
    {
        private readonly HashSet<string> _agents = new(StringComparer.Ordinal);
        private readonly SortedSet<string> _models = new(StringComparer.Ordinal);
        private UsageTotals _totals;
        private DateTimeOffset _firstAt = DateTimeOffset.MaxValue;
        private string _name = "";
        private long _turns;

        public DateTimeOffset LastAt { get; private set; } = DateTimeOffset.MinValue;

        public void Add(UsageRecord row)
        {
            _totals += UsageTotals.Of(row);
            _firstAt = row.Timestamp < _firstAt ? row.Timestamp : _firstAt;
            if (row.Timestamp >= LastAt)
            {
                LastAt = row.Timestamp;
                _name = row.UserName;
            }

            if (row.AgentId is { Length: > 0 } agent)
            {
                _agents.Add(agent);
            }

            if (row.DenyReason is null && row.Kind is RequestKind.Messages)
            {
                _turns++;
                _models.Add(row.Model);
            }
        }

        public SessionSummary ToSummary(string id, UserId? user)
            => new(id, user, _name, _firstAt, LastAt, _turns, _agents.Count, [.. _models], _totals);
    }
}
