namespace NetBird.ControlPlane.Usage.Sums;

/// <summary>
/// A range of hours as whole days (UTC) and the hours in which it differs from them, those too many taken off again: a day
/// of another time zone is a day and a few hours, not 24 hours.
/// </summary>
/// <param name="First">Number of the first hour or day.</param>
/// <param name="Last">Number of the one after the last.</param>
/// <param name="Days">Days, not hours.</param>
/// <param name="Sign">1 or -1.</param>
internal readonly record struct DayCover(long First, long Last, bool Days, int Sign)
{
    private const long HoursPerDay = 24;

    /// <summary>Parts whose sum is the hours from <paramref name="first"/> up to but not with <paramref name="last"/>.</summary>
    public static IEnumerable<DayCover> Of(long first, long last)
    {
        var (start, end) = (Nearest(first), Nearest(last));
        if (start >= end)
        {
            yield return new(first, last, Days: false, 1);
            yield break;
        }

        yield return new(start, end, Days: true, 1);
        if (first != start * HoursPerDay)
        {
            yield return first < start * HoursPerDay ? new(first, start * HoursPerDay, false, 1) : new(start * HoursPerDay, first, false, -1);
        }

        if (last != end * HoursPerDay)
        {
            yield return last > end * HoursPerDay ? new(end * HoursPerDay, last, false, 1) : new(last, end * HoursPerDay, false, -1);
        }
    }

    /// <summary>The day whose beginning is nearest to an hour.</summary>
    private static long Nearest(long hour) => (hour + (HoursPerDay / 2)) / HoursPerDay;
}
