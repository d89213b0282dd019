using System.Collections.Immutable;

namespace NetBird.ControlPlane.Usage.Sums;

/// <summary>
/// The sums of one hour, in the order of their keys, so that one person's lie together and are found without looking at the
/// others. Never changed: what is added to an hour makes a new table of it.
/// </summary>
/// <remarks>124 bytes a sum.</remarks>
internal sealed class SumTable
{
    public static readonly SumTable Empty = new([], []);

    private readonly SumKey[] _keys;
    private readonly UsageTotals[] _totals;

    private SumTable(SumKey[] keys, UsageTotals[] totals) => (_keys, _totals) = (keys, totals);

    public int Count => _keys.Length;

    public ReadOnlySpan<SumKey> Keys => _keys;

    public ReadOnlySpan<UsageTotals> Totals => _totals;

    /// <summary>Takes both arrays over. No key is there twice.</summary>
    public static SumTable Of(SumKey[] keys, UsageTotals[] totals)
    {
        Array.Sort(keys, totals);
        return new(keys, totals);
    }

    /// <summary>This with some more.</summary>
    public SumTable With(Dictionary<SumKey, UsageTotals> more)
    {
        var fresh = 0;
        foreach (var key in more.Keys)
        {
            fresh += Array.BinarySearch(_keys, key) < 0 ? 1 : 0;
        }

        var totals = new UsageTotals[Count + fresh];
        _totals.CopyTo(totals, 0);
        var keys = _keys;
        if (fresh > 0)
        {
            Array.Resize(ref keys, totals.Length);
        }

        var next = Count;
        foreach (var (key, sum) in more)
        {
            if (Array.BinarySearch(_keys, key) is >= 0 and var known)
            {
                totals[known] += sum;
            }
            else
            {
                (keys[next], totals[next]) = (key, sum);
                next++;
            }
        }

        return fresh > 0 ? Of(keys, totals) : new(keys, totals);
    }

    /// <summary>Where a person's sums lie: from <c>Start</c> up to but not with <c>End</c>.</summary>
    public (int Start, int End) OfUser(int user)
    {
        var start = FirstFrom(user);
        var end = start;
        while (end < _keys.Length && _keys[end].User == user)
        {
            end++;
        }

        return (start, end);
    }

    /// <summary>Adds every sum to that of its word.</summary>
    public void AddTo(Dictionary<int, UsageTotals> byWord, OverviewKey by, int sign)
    {
        for (var i = 0; i < _keys.Length; i++)
        {
            byWord.Add(_keys[i].Part(by), _totals[i], sign);
        }
    }

    /// <summary>What one word has used.</summary>
    public UsageTotals Of(OverviewKey by, int word)
    {
        var (start, end) = by is OverviewKey.User ? OfUser(word) : (0, _keys.Length);
        var sum = default(UsageTotals);
        for (var i = start; i < end; i++)
        {
            if (_keys[i].Part(by) == word)
            {
                sum += _totals[i];
            }
        }

        return sum;
    }

    private int FirstFrom(int user)
    {
        var (low, high) = (0, _keys.Length);
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            (low, high) = _keys[middle].User < user ? (middle + 1, high) : (low, middle);
        }

        return low;
    }
}
