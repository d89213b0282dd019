namespace NetBird.Policy.Limits;

/// <summary>
/// The sum of what was used in the last window. Usage counts for exactly the window after it happened; usages that
/// happened within the same grain, a 500th of the window (0.2%: 120 ms of a minute, 18 h of a year), are kept
/// together and stop counting with the last of them. So nothing is ever forgotten early, and late by less than a grain.
/// </summary>
/// <remarks>Not thread-safe. At most 502 entries of 16 bytes, and only as many as there are grains in use.</remarks>
internal sealed class RollingWindow
{
    private const int Grains = 500;

    private readonly long _windowTicks;
    private readonly long _grainTicks;
    private long[] _times = [];
    private long[] _amounts = [];
    private int _head;
    private int _count;
    private long _sum;

    public RollingWindow(TimeSpan window)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(window, TimeSpan.Zero);
        Window = window;
        _windowTicks = window.Ticks;
        _grainTicks = Math.Max(1, window.Ticks / Grains);
    }

    public TimeSpan Window { get; }

    /// <summary>When the oldest usage stops counting, in UTC ticks; null when nothing counts.</summary>
    public long? FirstFreesAt => _count == 0 ? null : _times[_head] + _windowTicks;

    /// <summary>What counts at <paramref name="now"/>, which never goes back between calls.</summary>
    public long Sum(long now)
    {
        while (_count > 0 && _times[_head] + _windowTicks <= now)
        {
            _sum -= _amounts[_head];
            _head = (_head + 1) & (_times.Length - 1);
            _count--;
        }

        return _sum;
    }

    /// <summary>Counts a usage. One from before the last is put with the last: it counts longer, not shorter.</summary>
    public void Add(long at, long amount)
    {
        if (amount <= 0)
        {
            return;
        }

        // Stays below the largest value: a counter that is full for ever beats one that wraps to empty.
        amount = Math.Min(amount, long.MaxValue - _sum);
        _sum += amount;
        if (_count > 0)
        {
            var last = (_head + _count - 1) & (_times.Length - 1);
            if (at / _grainTicks <= _times[last] / _grainTicks)
            {
                _times[last] = Math.Max(at, _times[last]);
                _amounts[last] += amount;
                return;
            }
        }

        if (_count == _times.Length)
        {
            Grow();
        }

        var next = (_head + _count) & (_times.Length - 1);
        _times[next] = at;
        _amounts[next] = amount;
        _count++;
    }

    /// <summary>
    /// Takes back or adds to what a past usage counted: in the grain that holds it; where that has less than is taken back, in those beside it.
    /// </summary>
    public void Correct(long at, long difference, long now)
    {
        Sum(now);
        if (at + _windowTicks <= now)
        {
            return;
        }

        var place = 0;
        while (place < _count && _times[Entry(place)] < at)
        {
            place++;
        }

        if (difference > 0)
        {
            if (place == _count)
            {
                Add(at, difference);
                return;
            }

            difference = Math.Min(difference, long.MaxValue - _sum);
            _amounts[Entry(place)] += difference;
            _sum += difference;
            return;
        }

        for (var i = place; i < _count && difference < 0; i++)
        {
            difference += Take(i, -difference);
        }

        for (var i = place - 1; i >= 0 && difference < 0; i--)
        {
            difference += Take(i, -difference);
        }
    }

    /// <summary>
    /// The moment from which no more than <paramref name="most"/> counts, if nothing more is used: not before
    /// <paramref name="now"/>. Negative <paramref name="most"/> never comes: null.
    /// </summary>
    public long? WhenAtMost(long most, long now)
    {
        var left = Sum(now);
        if (most < 0)
        {
            return null;
        }

        var when = now;
        for (var i = 0; i < _count && left > most; i++)
        {
            var entry = (_head + i) & (_times.Length - 1);
            left -= _amounts[entry];
            when = _times[entry] + _windowTicks;
        }

        return when;
    }

    /// <summary>Adds every entry to a window that so far holds only older ones.</summary>
    public void CopyTo(RollingWindow other)
    {
        for (var i = 0; i < _count; i++)
        {
            var entry = (_head + i) & (_times.Length - 1);
            other.Add(_times[entry], _amounts[entry]);
        }
    }

    private int Entry(int place) => (_head + place) & (_times.Length - 1);

    private long Take(int place, long most)
    {
        ref var amount = ref _amounts[Entry(place)];
        var taken = Math.Min(amount, most);
        amount -= taken;
        _sum -= taken;
        return taken;
    }

    /// <summary>Length is a power of two, so that a mask is enough to go round.</summary>
    private void Grow()
    {
        var times = new long[Math.Max(4, _times.Length * 2)];
        var amounts = new long[times.Length];
        for (var i = 0; i < _count; i++)
        {
            var from = (_head + i) & (_times.Length - 1);
            times[i] = _times[from];
            amounts[i] = _amounts[from];
        }

        (_times, _amounts, _head) = (times, amounts, 0);
    }
}
