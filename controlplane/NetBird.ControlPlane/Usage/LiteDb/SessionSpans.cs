using NetBird.Gateway.Metering;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage.LiteDb;

/// <summary>
/// When each session was active and with what, all in memory: some two hundred bytes a session. A page of sessions is found by it,
/// whatever the filter, and only the blocks that those on the page lie in are read.
/// </summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class SessionSpans
{
    /// <summary>Pages go the other way: the last active first, ties by id.</summary>
    private static readonly Comparer<(long Last, string Session)> OldestFirst = Comparer<(long Last, string Session)>.Create(
        (a, b) => a.Last != b.Last ? a.Last.CompareTo(b.Last) : string.CompareOrdinal(b.Session, a.Session));

    private readonly Lock _gate = new();
    private readonly Dictionary<(string Session, string User), SessionActivity> _sessions = [];
    private readonly SessionFacets _facets = new(SessionFacets.MostModels);

    /// <summary>Sessions as they will be with these rows; <see cref="Replace"/> makes it so.</summary>
    public Dictionary<(string Session, string User), SessionActivity> With(IEnumerable<UsageRecord> rows)
    {
        var changed = new Dictionary<(string, string), SessionActivity>();
        lock (_gate)
        {
            foreach (var row in rows)
            {
                if (row.SessionId is { Length: > 0 } session)
                {
                    var key = (session, row.User?.Value ?? "");
                    var ticks = row.Timestamp.UtcTicks;
                    if (!changed.TryGetValue(key, out var known) && !_sessions.TryGetValue(key, out known))
                    {
                        known = new(ticks, ticks, []);
                    }

                    changed[key] = known.With(ticks, _facets.Number(SessionFacet.Of(row)));
                }
            }
        }

        return changed;
    }

    public void Replace(Dictionary<(string Session, string User), SessionActivity> changed)
    {
        lock (_gate)
        {
            foreach (var (key, activity) in changed)
            {
                _sessions[key] = activity;
            }
        }
    }

    /// <summary>Facets that are to be stored, each once.</summary>
    public List<(int Number, SessionFacet Facet)> UnstoredFacets()
    {
        lock (_gate)
        {
            return _facets.Unstored();
        }
    }

    /// <summary>Takes facets over from the store, with their numbers there.</summary>
    public void Take(IEnumerable<(int Number, SessionFacet Facet)> facets)
    {
        lock (_gate)
        {
            foreach (var (number, facet) in facets)
            {
                _facets.Take(number, facet);
            }
        }
    }

    /// <summary>Forgets facets that no session has any more; their numbers, which others will have.</summary>
    public List<int> DropUnusedFacets()
    {
        lock (_gate)
        {
            return _facets.KeepOnly([.. _sessions.Values.SelectMany(session => session.Parts).Select(part => part.Facet)]);
        }
    }

    /// <summary>All there are.</summary>
    public Dictionary<(string Session, string User), SessionActivity> All()
    {
        lock (_gate)
        {
            return new(_sessions);
        }
    }

    public void Clear()
    {
        lock (_gate)
        {
            _sessions.Clear();
            _facets.Clear();
        }
    }

    /// <summary>Forgets sessions that were last active before; their keys.</summary>
    public List<(string Session, string User)> DropBefore(long ticks)
    {
        lock (_gate)
        {
            var old = _sessions.Where(session => session.Value.Last < ticks).Select(session => session.Key).ToList();
            old.ForEach(key => _sessions.Remove(key));
            return old;
        }
    }

    /// <summary>When any session of this id was active; null: there is none.</summary>
    public (long First, long Last)? Of(string session)
    {
        lock (_gate)
        {
            (long First, long Last)? found = null;
            foreach (var (key, activity) in _sessions)
            {
                if (key.Session == session)
                {
                    found = (Math.Min(activity.First, found?.First ?? long.MaxValue), Math.Max(activity.Last, found?.Last ?? long.MinValue));
                }
            }

            return found;
        }
    }

    /// <summary>Hours in which some sessions had requests that a query asks for, time aside.</summary>
    public HashSet<long> HoursOf(IEnumerable<(string Session, string User)> sessions, UsageQuery query)
    {
        lock (_gate)
        {
            return HoursLocked(sessions.Where(_sessions.ContainsKey).Select(key => _sessions[key]), query);
        }
    }

    /// <summary>As <see cref="HoursOf(IEnumerable{ValueTuple{string, string}}, UsageQuery)"/>, of every session of an id.</summary>
    public HashSet<long> HoursOf(string session, UsageQuery query)
    {
        lock (_gate)
        {
            return HoursLocked(_sessions.Where(one => one.Key.Session == session).Select(one => one.Value), query);
        }
    }

    /// <summary>One page of the sessions that a query asks for, the last active first, and how many there are.</summary>
    /// <param name="query">Its words of refusals are not looked at.</param>
    /// <param name="end">The hour in which its range ends, where it ends within one that has requests after it.</param>
    /// <param name="endings">Of the sessions with requests in that hour up to the end of the range, when they had the last.</param>
    /// <param name="page">From 1.</param>
    /// <param name="size">Of a page.</param>
    public (List<(string Session, UserId? User, long Last)> Page, int Total) Page(
        UsageQuery query, long end, Dictionary<(string Session, string User), long> endings, int page, int size)
    {
        var from = query.From?.UtcTicks ?? long.MinValue;
        var latest = new PriorityQueue<(string Session, string User, long Last), (long Last, string Session)>(OldestFirst);
        var total = 0;
        lock (_gate)
        {
            // As many are kept as the pages up to this one hold: the first pages are what people look at.
            var most = Math.Min((long)page * size, _sessions.Count);
            var matching = _facets.Matching(query);
            foreach (var (key, activity) in _sessions)
            {
                if (activity.Last < from
                    || (query.User is not null && key.User != query.User.Value.Value)
                    || (query.Session is not null && key.Session != query.Session))
                {
                    continue;
                }

                var last = Last(activity, matching, from, end);
                last = endings.Count > 0 ? Math.Max(last, endings.GetValueOrDefault(key, long.MinValue)) : last;
                if (last == long.MinValue)
                {
                    continue;
                }

                total++;
                if (latest.Count < most)
                {
                    latest.Enqueue((key.Session, key.User, last), (last, key.Session));
                }
                else
                {
                    latest.EnqueueDequeue((key.Session, key.User, last), (last, key.Session));
                }
            }
        }

        var sessions = new List<(string Session, UserId? User, long Last)>();
        for (var onPage = latest.Count - ((page - 1L) * size); onPage > 0; onPage--)
        {
            var (session, user, last) = latest.Dequeue();
            sessions.Add((session, user.Length == 0 ? null : new UserId(user), last));
        }

        sessions.Reverse();
        return (sessions, total);
    }

    /// <summary>The last request asked for before an hour, <see cref="long.MinValue"/> for none.</summary>
    private static long Last(in SessionActivity activity, bool[]? matching, long from, long end)
    {
        if (matching is null && activity.Last / TimeSpan.TicksPerHour < end)
        {
            return activity.Last;
        }

        var last = long.MinValue;
        foreach (var part in activity.Parts)
        {
            if (part.Last > last && part.Last >= from && part.Hour < end && (matching is null || matching[part.Facet]))
            {
                last = part.Last;
            }
        }

        return last;
    }

    private HashSet<long> HoursLocked(IEnumerable<SessionActivity> sessions, UsageQuery query)
    {
        var matching = _facets.Matching(query);
        return [.. sessions.SelectMany(session => session.Parts).Where(part => matching is null || matching[part.Facet]).Select(part => part.Hour)];
    }
}
