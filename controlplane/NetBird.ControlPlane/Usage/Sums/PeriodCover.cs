namespace NetBird.ControlPlane.Usage.Sums;

/// <summary>
/// A range of hours as periods of which there are sums, the longest first, and those too many taken off again: a day of another time zone
/// is a day and a few hours, not 24 hours; a year is a few months, weeks and days, not 365 days.
/// </summary>
/// <param name="Length">Hours of a period. Period n begins at hour n × length, UTC, counted from year 1.</param>
/// <param name="First">Number of the first period.</param>
/// <param name="Last">Number of the one after the last.</param>
/// <param name="Sign">1 or -1.</param>
internal readonly record struct PeriodCover(int Length, long First, long Last, int Sign)
{
    public const int Hour = 1;
    public const int Day = 24;

    /// <summary>Parts whose sum is the hours from <paramref name="first"/> up to but not with <paramref name="last"/>.</summary>
    /// <param name="first">Number of the first hour.</param>
    /// <param name="last">Number of the hour after the last.</param>
    /// <param name="lengths">Of which periods there are sums, longest first; the last one is the hour.</param>
    public static List<PeriodCover> Of(long first, long last, ReadOnlySpan<int> lengths)
    {
        var parts = new List<PeriodCover>();
        Add(parts, first, last, lengths, 1);
        return parts;
    }

    private static void Add(List<PeriodCover> parts, long first, long last, ReadOnlySpan<int> lengths, int sign)
    {
        if (first >= last)
        {
            return;
        }

        var length = lengths[0];
        var (start, end) = (Nearest(first, length), Nearest(last, length));
        if (start >= end)
        {
            // Nothing is nearer to another hour than to itself: the last length never gets here.
            Add(parts, first, last, lengths[1..], sign);
            return;
        }

        parts.Add(new(length, start, end, sign));
        if (length > Hour)
        {
            AddBorder(parts, first, start * length, lengths[1..], sign);
            AddBorder(parts, end * length, last, lengths[1..], sign);
        }
    }

    /// <summary>Hours from one to another; where the other lies before, those between them are too many.</summary>
    private static void AddBorder(List<PeriodCover> parts, long from, long to, ReadOnlySpan<int> lengths, int sign)
    {
        Add(parts, from, to, lengths, sign);
        Add(parts, to, from, lengths, -sign);
    }

    /// <summary>The period whose beginning is nearest to an hour.</summary>
    private static long Nearest(long hour, int length) => (hour + (length / 2)) / length;
}
