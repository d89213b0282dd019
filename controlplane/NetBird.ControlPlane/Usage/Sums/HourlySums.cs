using NetBird.Gateway.Metering;

namespace NetBird.ControlPlane.Usage.Sums;

/// <summary>
/// Sums of every hour (UTC), all in memory, and totals of every day by person, group, model and provider, which an overview adds
/// up in milliseconds however many requests are behind them. The ledger keeps the hours beside its rows, in the same transaction.
/// </summary>
/// <remarks>Thread-safe. An hour's table is replaced as a whole, so that a failed transaction leaves no trace here.</remarks>
internal sealed partial class HourlySums
{
    private const long HoursPerDay = PeriodCover.Day;

    private static readonly int[] Periods = [PeriodCover.Day, PeriodCover.Hour];

    private readonly Lock _gate = new();
    private readonly Dictionary<long, SumTable> _hours = [];

    // Days (UTC), added up from their hours when they are asked for; null: an hour of it has changed since.
    private readonly Dictionary<long, DayTotals[]?> _days = [];
    private readonly WordPool _words = new();

    public static long HourOf(DateTimeOffset at) => at.UtcTicks / TimeSpan.TicksPerHour;

    public static DateTimeOffset StartOf(long hour) => new(hour * TimeSpan.TicksPerHour, TimeSpan.Zero);

    /// <summary>The hours that records fall into, as they will be with them; <see cref="Replace"/> makes it so.</summary>
    public Dictionary<long, SumTable> With(IEnumerable<UsageRecord> records) => With(records, UsageTotals.Of);

    /// <summary>As <see cref="With(IEnumerable{UsageRecord})"/>, with what of each record is added.</summary>
    public Dictionary<long, SumTable> With(IEnumerable<UsageRecord> records, Func<UsageRecord, UsageTotals> added)
    {
        var hours = new Dictionary<long, Dictionary<SumKey, UsageTotals>>();
        lock (_gate)
        {
            foreach (var record in records)
            {
                var hour = HourOf(record.Timestamp);
                if (!hours.TryGetValue(hour, out var sums))
                {
                    hours.Add(hour, sums = []);
                }

                var key = KeyLocked(record);
                sums[key] = sums.GetValueOrDefault(key) + added(record);
            }

            return hours.ToDictionary(hour => hour.Key, hour => _hours.GetValueOrDefault(hour.Key, SumTable.Empty).With(hour.Value));
        }
    }

    /// <summary>The hours that rows fall into, as they will be with other prices for them.</summary>
    public Dictionary<long, SumTable> Repriced(IEnumerable<(UsageRecord Row, RowPrice Now)> changes)
    {
        var changed = new Dictionary<long, Dictionary<SumKey, UsageTotals>>();
        lock (_gate)
        {
            foreach (var (row, now) in changes)
            {
                var hour = HourOf(row.Timestamp);
                if (!_hours.ContainsKey(hour))
                {
                    continue; // retention has dropped it
                }

                if (!changed.TryGetValue(hour, out var sums))
                {
                    changed.Add(hour, sums = []);
                }

                var key = KeyLocked(row);
                sums[key] = sums.GetValueOrDefault(key).Repriced(RowPrice.Of(row), now);
            }

            return changed.ToDictionary(hour => hour.Key, hour => _hours[hour.Key].With(hour.Value));
        }
    }

    public void Replace(Dictionary<long, SumTable> changed)
    {
        lock (_gate)
        {
            foreach (var (hour, sums) in changed)
            {
                _hours[hour] = sums;
                _days[hour / HoursPerDay] = null;
            }
        }
    }

    /// <summary>
    /// Sums of hours from <paramref name="first"/> up to but not with <paramref name="end"/> by one part of their key; whole days
    /// at once. With <paramref name="only"/> those of these words alone.
    /// </summary>
    public Dictionary<string, UsageTotals> Totals(long first, long end, OverviewKey by, IReadOnlyList<string>? only)
    {
        lock (_gate)
        {
            var byWord = new Dictionary<int, UsageTotals>();
            var wanted = only?.Select(word => word.Length == 0 ? 0 : _words.Find(word)).Where(word => word >= 0).ToList();
            foreach (var cover in PeriodCover.Of(first, end, Periods))
            {
                for (var number = cover.First; number < cover.Last; number++)
                {
                    AddLocked(byWord, cover, number, by, wanted);
                }
            }

            // Where all of it was taken off again nothing is left to tell.
            return byWord.Where(sum => sum.Value != default).ToDictionary(sum => _words[sum.Key], sum => sum.Value, StringComparer.Ordinal);
        }
    }

    /// <summary>Rows that a filter asks for in hours from <paramref name="first"/> up to but not with <paramref name="end"/>.</summary>
    public long Rows(long first, long end, UsageQuery filter)
    {
        if (filter is { Group: null, Policy: null } && OneDimension(filter) is var (by, key))
        {
            return Totals(first, end, by, key is null ? null : [key]).Values
                .Sum(totals => filter.Allowed switch { true => totals.Rows - totals.Denied, false => totals.Denied, null => totals.Rows });
        }

        long count = 0;
        Visit(first, end, filter, null, (_, _, totals, _) => count += totals.Rows);
        return count;
    }

    /// <summary>Hours in which a filter's requests lie, of those from <paramref name="first"/> up to but not with <paramref name="end"/>.</summary>
    public HashSet<long> HoursOf(long first, long end, UsageQuery filter)
    {
        var hours = new HashSet<long>();
        Visit(first, end, filter, null, (hour, _, _, _) => hours.Add(hour));
        return hours;
    }

    /// <summary>The sums of an hour.</summary>
    public SumTable Of(long hour)
    {
        lock (_gate)
        {
            return _hours.GetValueOrDefault(hour, SumTable.Empty);
        }
    }

    /// <summary>The earliest hour there are sums of.</summary>
    public long FirstHour
    {
        get
        {
            lock (_gate)
            {
                return _hours.Count == 0 ? long.MaxValue : _hours.Keys.Min();
            }
        }
    }

    public void Clear()
    {
        lock (_gate)
        {
            _hours.Clear();
            _days.Clear();
        }
    }

    /// <summary>Forgets hours before this one; they are returned.</summary>
    public List<long> DropBefore(long hour)
    {
        lock (_gate)
        {
            var old = _hours.Keys.Where(key => key < hour).ToList();
            old.ForEach(key => _hours.Remove(key));
            foreach (var day in old.Select(key => key / HoursPerDay).Distinct())
            {
                // Of the last one some hours may stay: it is summed anew.
                _days.Remove(day);
                if (day == hour / HoursPerDay && hour % HoursPerDay != 0)
                {
                    _days[day] = null;
                }
            }

            return old;
        }
    }

    /// <summary>
    /// Visits the sums of hours from <paramref name="first"/> up to but not with <paramref name="end"/>, of one charged group alone
    /// where one is named.
    /// </summary>
    public void Visit(long first, long end, UsageQuery filter, string? charged, Action<long, SumKey, UsageTotals, WordPool> visit)
    {
        lock (_gate)
        {
            var match = new SumMatch(filter, charged, _words);
            if (match.Nothing)
            {
                return;
            }

            if (end - first > _hours.Count)
            {
                foreach (var (hour, sums) in _hours)
                {
                    if (hour >= first && hour < end)
                    {
                        VisitHour(hour, sums, match, visit);
                    }
                }

                return;
            }

            for (var hour = first; hour < end; hour++)
            {
                if (_hours.TryGetValue(hour, out var sums))
                {
                    VisitHour(hour, sums, match, visit);
                }
            }
        }
    }

    /// <summary>A filter by at most one of the keys that days are added up by; null: by more, or by another.</summary>
    private static (OverviewKey By, string? Key)? OneDimension(UsageQuery filter) => (filter.User, filter.Provider, filter.Model) switch
    {
        (null, null, null) => (OverviewKey.Provider, null), // any would do: there are fewest providers
        ({ } user, null, null) => (OverviewKey.User, user.Value),
        (null, { } provider, null) => (OverviewKey.Provider, provider.Value),
        (null, null, { } model) => (OverviewKey.Model, model),
        _ => null,
    };

    private void AddLocked(Dictionary<int, UsageTotals> byWord, in PeriodCover cover, long number, OverviewKey by, List<int>? wanted)
    {
        var day = cover.Length == PeriodCover.Day ? DayLocked(number)?[(int)by - 1] : null;
        var hour = cover.Length == PeriodCover.Hour ? _hours.GetValueOrDefault(number) : null;
        if (wanted is null)
        {
            day?.AddTo(byWord);
            hour?.AddTo(byWord, by, cover.Sign);
            return;
        }

        foreach (var word in wanted)
        {
            byWord.Add(word, day?.Of(word) ?? hour?.Of(by, word) ?? default, cover.Sign);
        }
    }

    private DayTotals[]? DayLocked(long day)
    {
        if (!_days.TryGetValue(day, out var totals) || totals is not null)
        {
            return totals;
        }

        var hours = new List<SumTable>();
        for (var hour = day * HoursPerDay; hour < (day + 1) * HoursPerDay; hour++)
        {
            if (_hours.TryGetValue(hour, out var sums))
            {
                hours.Add(sums);
            }
        }

        return _days[day] = DayTotals.Of(hours);
    }

    private SumKey KeyLocked(UsageRecord record) => new(
        _words.Number(record.User?.Value),
        _words.Number(record.ChargedGroup?.Value),
        _words.Number(string.Join(' ', record.Groups)),
        _words.Number(record.Policy?.Value),
        _words.Number(record.Provider?.Value),
        _words.Number(record.Model),
        record.DenyReason is not null);

    private void VisitHour(long hour, SumTable sums, SumMatch match, Action<long, SumKey, UsageTotals, WordPool> visit)
    {
        var (start, end) = match.User is { } user ? sums.OfUser(user) : (0, sums.Count);
        for (var i = start; i < end; i++)
        {
            if (match.Is(sums.Keys[i]))
            {
                visit(hour, sums.Keys[i], sums.Totals[i], _words);
            }
        }
    }
}
