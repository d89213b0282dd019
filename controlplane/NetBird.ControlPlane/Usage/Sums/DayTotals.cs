namespace NetBird.ControlPlane.Usage.Sums;

/// <summary>A day's totals by one part of the key, in the order of its words: what charts and lists of days and months add up.</summary>
internal sealed class DayTotals
{
    private readonly int[] _words;
    private readonly UsageTotals[] _totals;

    private DayTotals(Dictionary<int, UsageTotals> byWord)
    {
        _words = [.. byWord.Keys];
        _totals = [.. byWord.Values];
        Array.Sort(_words, _totals);
    }

    /// <summary>The days' totals by user, group, model and provider, in the order of <see cref="OverviewKey"/>.</summary>
    public static DayTotals[] Of(IReadOnlyList<SumTable> hours)
    {
        var days = new DayTotals[(int)OverviewKey.Provider];
        foreach (var by in Enum.GetValues<OverviewKey>())
        {
            var byWord = new Dictionary<int, UsageTotals>();
            foreach (var hour in hours)
            {
                hour.AddTo(byWord, by, 1);
            }

            days[(int)by - 1] = new(byWord);
        }

        return days;
    }

    public void AddTo(Dictionary<int, UsageTotals> byWord)
    {
        for (var i = 0; i < _words.Length; i++)
        {
            byWord.Add(_words[i], _totals[i], 1);
        }
    }

    /// <summary>What one word has used.</summary>
    public UsageTotals Of(int word) => Array.BinarySearch(_words, word) is >= 0 and var at ? _totals[at] : default;
}
