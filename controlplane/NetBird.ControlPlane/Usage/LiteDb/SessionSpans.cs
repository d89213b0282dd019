using NetBird.Gateway.Metering;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage.LiteDb;

/// <summary>
/// When each session was active, all in memory: some hundred bytes a session. A page of sessions is found by it, and only the blocks that
/// those on the page lie in are read.
/// </summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class SessionSpans
{
    /// <summary>Pages go the other way: the last active first, ties by id.</summary>
    private static readonly Comparer<(long Last, string Session)> OldestFirst = Comparer<(long Last, string Session)>.Create(
        (a, b) => a.Last != b.Last ? a.Last.CompareTo(b.Last) : string.CompareOrdinal(b.Session, a.Session));

    private readonly Lock _gate = new();
    private readonly Dictionary<(string Session, string User), (long First, long Last)> _spans = [];

    /// <summary>Spans as they will be with these rows; <see cref="Replace"/> makes it so.</summary>
    public Dictionary<(string Session, string User), (long First, long Last)> With(IEnumerable<UsageRecord> rows)
    {
        var changed = new Dictionary<(string, string), (long First, long Last)>();
        lock (_gate)
        {
            foreach (var row in rows)
            {
                if (row.SessionId is { Length: > 0 } session)
                {
                    var key = (session, row.User?.Value ?? "");
                    var ticks = row.Timestamp.UtcTicks;
                    var span = changed.TryGetValue(key, out var known) || _spans.TryGetValue(key, out known) ? known : (ticks, ticks);
                    changed[key] = (Math.Min(span.Item1, ticks), Math.Max(span.Item2, ticks));
                }
            }
        }

        return changed;
    }

    public void Replace(Dictionary<(string Session, string User), (long First, long Last)> changed)
    {
        lock (_gate)
        {
            foreach (var (key, span) in changed)
            {
                _spans[key] = span;
            }
        }
    }

    public void Clear()
    {
        lock (_gate)
        {
            _spans.Clear();
        }
    }

    /// <summary>Forgets sessions that were last active before; their keys.</summary>
    public List<(string Session, string User)> DropBefore(long ticks)
    {
        lock (_gate)
        {
            var old = _spans.Where(span => span.Value.Last < ticks).Select(span => span.Key).ToList();
            old.ForEach(key => _spans.Remove(key));
            return old;
        }
    }

    /// <summary>When any session of this id was active; null: there is none.</summary>
    public (long First, long Last)? Of(string session)
    {
        lock (_gate)
        {
            (long First, long Last)? found = null;
            foreach (var (key, span) in _spans)
            {
                if (key.Session == session)
                {
                    found = (Math.Min(span.First, found?.First ?? long.MaxValue), Math.Max(span.Last, found?.Last ?? long.MinValue));
                }
            }

            return found;
        }
    }

    /// <summary>One page of the sessions that a query asks for, the last active first, and how many there are.</summary>
    public (List<(string Session, UserId? User, long First, long Last)> Page, int Total) Page(UsageQuery query, int page, int size)
    {
        var from = query.From?.UtcTicks ?? long.MinValue;

        var latest = new PriorityQueue<KeyValuePair<(string Session, string User), (long First, long Last)>, (long Last, string Session)>(OldestFirst);
        var total = 0;
        lock (_gate)
        {
            // As many are kept as the pages up to this one hold: the first pages are what people look at.
            var most = Math.Min((long)page * size, _spans.Count);
            foreach (var span in _spans)
            {
                if (span.Value.Last < from
                    || (query.User is not null && span.Key.User != query.User.Value.Value)
                    || (query.Session is not null && span.Key.Session != query.Session))
                {
                    continue;
                }

                total++;
                if (latest.Count < most)
                {
                    latest.Enqueue(span, (span.Value.Last, span.Key.Session));
                }
                else
                {
                    latest.EnqueueDequeue(span, (span.Value.Last, span.Key.Session));
                }
            }
        }

        var sessions = new List<(string Session, UserId? User, long First, long Last)>();
        for (var onPage = latest.Count - ((page - 1L) * size); onPage > 0; onPage--)
        {
            var (key, span) = latest.Dequeue();
            sessions.Add((key.Session, key.User.Length == 0 ? null : new UserId(key.User), span.First, span.Last));
        }

        sessions.Reverse();
        return (sessions, total);
    }
}
