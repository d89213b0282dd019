using System.Runtime.InteropServices;
using NetBird.ControlPlane.Usage.Rows;
using NetBird.Gateway.Metering;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage.Sums;

/// <summary>
/// Sums of every hour (UTC), all in memory: a company of a hundred has a few hundred thousand in a year, which an overview
/// walks in milliseconds however many requests are behind them. The ledger keeps them beside its rows, in the same transaction.
/// </summary>
/// <remarks>Thread-safe. An hour's table is replaced as a whole, so that a failed transaction leaves no trace here.</remarks>
internal sealed class HourlySums
{
    private const byte Version = 1;

    private readonly Lock _gate = new();
    private const long HoursPerDay = 24;

    private readonly Dictionary<long, Dictionary<SumKey, UsageTotals>> _hours = [];

    // Whole days (UTC), summed from their hours when they are asked for; null: an hour of it has changed since.
    private readonly Dictionary<long, Dictionary<SumKey, UsageTotals>?> _days = [];
    private readonly WordPool _words = new();

    public static long HourOf(DateTimeOffset at) => at.UtcTicks / TimeSpan.TicksPerHour;

    public static DateTimeOffset StartOf(long hour) => new(hour * TimeSpan.TicksPerHour, TimeSpan.Zero);

    /// <summary>Sums held.</summary>
    public long Count
    {
        get
        {
            lock (_gate)
            {
                return _hours.Values.Sum(hour => (long)hour.Count);
            }
        }
    }

    /// <summary>The hours that records fall into, as they will be with them; <see cref="Replace"/> makes it so.</summary>
    public Dictionary<long, Dictionary<SumKey, UsageTotals>> With(IEnumerable<UsageRecord> records)
    {
        var changed = new Dictionary<long, Dictionary<SumKey, UsageTotals>>();
        lock (_gate)
        {
            foreach (var record in records)
            {
                var hour = HourOf(record.Timestamp);
                if (!changed.TryGetValue(hour, out var sums))
                {
                    sums = _hours.TryGetValue(hour, out var now) ? new(now) : [];
                    changed.Add(hour, sums);
                }

                var key = KeyLocked(record);
                sums[key] = sums.GetValueOrDefault(key) + UsageTotals.Of(record);
            }
        }

        return changed;
    }

    /// <summary>The hours that rows fall into, as they will be with other prices for them.</summary>
    public Dictionary<long, Dictionary<SumKey, UsageTotals>> Repriced(IEnumerable<(UsageRecord Row, RowPrice Now)> changes)
    {
        var changed = new Dictionary<long, Dictionary<SumKey, UsageTotals>>();
        lock (_gate)
        {
            foreach (var (row, now) in changes)
            {
                var hour = HourOf(row.Timestamp);
                if (!changed.TryGetValue(hour, out var sums) && _hours.TryGetValue(hour, out var kept))
                {
                    sums = new(kept);
                    changed.Add(hour, sums);
                }

                var key = KeyLocked(row);
                if (sums is not null && sums.TryGetValue(key, out var totals))
                {
                    sums[key] = totals.Repriced(RowPrice.Of(row), now);
                }
            }
        }

        return changed;
    }

    public void Replace(Dictionary<long, Dictionary<SumKey, UsageTotals>> changed)
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
    /// at once. With <paramref name="only"/> those of one word alone.
    /// </summary>
    public void AddTo(Dictionary<string, UsageTotals> byWord, long first, long end, Func<SumKey, int> part, string? only)
    {
        var byNumber = new Dictionary<int, UsageTotals>();
        lock (_gate)
        {
            var wanted = only is null ? default(int?) : only.Length == 0 ? 0 : _words.Find(only);
            if (wanted < 0)
            {
                return;
            }

            foreach (var cover in DayCover.Of(first, end))
            {
                for (var number = cover.First; number < cover.Last; number++)
                {
                    AddLocked(byNumber, cover.Days ? DayLocked(number) : _hours.GetValueOrDefault(number), part, wanted, cover.Sign);
                }
            }

            foreach (var (number, totals) in byNumber)
            {
                if (totals == default)
                {
                    // All of it was taken off again.
                    continue;
                }

                byWord[_words[number]] = byWord.GetValueOrDefault(_words[number]) + totals;
            }
        }
    }

    /// <summary>Requests that a filter asks for in hours from <paramref name="first"/> up to but not with <paramref name="end"/>.</summary>
    public long Requests(long first, long end, UsageQuery filter)
    {
        lock (_gate)
        {
            var match = new SumMatch(filter, _words);
            if (match.Nothing)
            {
                return 0;
            }

            var firstDay = (first + HoursPerDay - 1) / HoursPerDay;
            var endDay = end / HoursPerDay;
            long count = 0;
            for (var hour = first; hour < Math.Min(end, firstDay * HoursPerDay); hour++)
            {
                Add(_hours.GetValueOrDefault(hour));
            }

            for (var hour = Math.Max(endDay, firstDay) * HoursPerDay; hour < end; hour++)
            {
                Add(_hours.GetValueOrDefault(hour));
            }

            foreach (var day in _days.Keys.Where(day => day >= firstDay && day < endDay).ToList())
            {
                Add(DayLocked(day));
            }

            return count;

            void Add(Dictionary<SumKey, UsageTotals>? sums)
            {
                foreach (var (key, totals) in sums ?? [])
                {
                    count += match.Is(key) ? totals.Requests : 0;
                }
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

    /// <summary>Visits the sums of hours from <paramref name="first"/> up to but not with <paramref name="end"/>.</summary>
    public void Visit(long first, long end, UsageQuery filter, Action<long, SumKey, UsageTotals, WordPool> visit)
    {
        lock (_gate)
        {
            var match = new SumMatch(filter, _words);
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

    /// <summary>One hour packed for the store.</summary>
    public byte[] Pack(Dictionary<SumKey, UsageTotals> sums)
    {
        var sink = new ByteSink();
        sink.Byte(Version);
        sink.Varint(sums.Count);
        lock (_gate)
        {
            foreach (var (key, totals) in sums)
            {
                foreach (var word in (ReadOnlySpan<int>)[key.User, key.Charged, key.Groups, key.Policy, key.Provider, key.Model])
                {
                    sink.Text(_words[word]);
                }

                sink.Byte(key.Denied ? (byte)1 : (byte)0);
                foreach (var value in (ReadOnlySpan<long>)[
                    totals.Requests, totals.Denied, totals.Interrupted, totals.PriceUnknown,
                    totals.Tokens.Input, totals.Tokens.Output, totals.Tokens.CacheRead, totals.Tokens.CacheWrite5m,
                    totals.Tokens.CacheWrite1h, totals.WebSearches, totals.Cost.Value])
                {
                    sink.Varint(value);
                }
            }
        }

        return sink.Written.ToArray();
    }

    /// <summary>Takes an hour that <see cref="Pack"/> packed.</summary>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public void Unpack(long hour, byte[] packed)
    {
        var cursor = new ByteCursor(packed, 0, packed.Length);
        if (cursor.Byte() != Version)
        {
            throw ByteCursor.Damaged();
        }

        var sums = new Dictionary<SumKey, UsageTotals>();
        lock (_gate)
        {
            for (var left = cursor.Varint(); left > 0; left--)
            {
                var key = new SumKey(Word(ref cursor), Word(ref cursor), Word(ref cursor), Word(ref cursor), Word(ref cursor), Word(ref cursor), cursor.Byte() != 0);
                sums[key] = new(
                    cursor.Varint(),
                    cursor.Varint(),
                    cursor.Varint(),
                    cursor.Varint(),
                    new(cursor.Varint(), cursor.Varint(), cursor.Varint(), cursor.Varint(), cursor.Varint()),
                    cursor.Varint(),
                    new NanoUsd(cursor.Varint()));
            }

            _hours[hour] = sums;
            _days[hour / HoursPerDay] = null;
        }
    }

    private static void AddLocked(Dictionary<int, UsageTotals> sums, Dictionary<SumKey, UsageTotals>? from, Func<SumKey, int> part, int? wanted, int sign)
    {
        if (from is not null)
        {
            foreach (var (key, totals) in from)
            {
                var word = part(key);
                if (wanted is not null && word != wanted)
                {
                    continue;
                }

                ref var sum = ref CollectionsMarshal.GetValueRefOrAddDefault(sums, word, out _);
                sum = sign > 0 ? sum + totals : sum - totals;
            }
        }
    }

    private Dictionary<SumKey, UsageTotals>? DayLocked(long day)
    {
        if (!_days.TryGetValue(day, out var sums) || sums is not null)
        {
            return sums;
        }

        sums = [];
        for (var hour = day * HoursPerDay; hour < (day + 1) * HoursPerDay; hour++)
        {
            foreach (var (key, totals) in _hours.GetValueOrDefault(hour) ?? [])
            {
                ref var sum = ref CollectionsMarshal.GetValueRefOrAddDefault(sums, key, out _);
                sum += totals;
            }
        }

        _days[day] = sums;
        return sums;
    }

    private int Word(ref ByteCursor cursor) => _words.Number(cursor.Text());

    private SumKey KeyLocked(UsageRecord record) => new(
        _words.Number(record.User?.Value),
        _words.Number(record.ChargedGroup?.Value),
        _words.Number(string.Join(' ', record.Groups)),
        _words.Number(record.Policy?.Value),
        _words.Number(record.Provider?.Value),
        _words.Number(record.Model),
        record.DenyReason is not null);

    private void VisitHour(
        long hour,
        Dictionary<SumKey, UsageTotals> sums,
        SumMatch match,
        Action<long, SumKey, UsageTotals, WordPool> visit)
    {
        foreach (var (key, totals) in sums)
        {
            if (match.Is(key))
            {
                visit(hour, key, totals, _words);
            }
        }
    }
}
