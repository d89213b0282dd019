namespace NetBird.ControlPlane.Dashboard.Charts;

/// <summary>One series of a stacked chart.</summary>
/// <param name="Name">In the legend.</param>
/// <param name="Values">One for each label.</param>
public sealed record ChartSeries(string Name, IReadOnlyList<decimal> Values)
{
    // Chosen to stay apart in light, dark and for the colour-blind (after Okabe and Ito).
    private static readonly string[] Palette =
        ["#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a8f98"];

    public static string Colour(int index) => Palette[Math.Min(index, Palette.Length - 1)];

    /// <summary>The <paramref name="most"/> largest, and all others in one.</summary>
    public static List<ChartSeries> Largest(IEnumerable<ChartSeries> series, int most)
    {
        var ordered = series.OrderByDescending(one => one.Values.Sum()).ToList();
        if (ordered.Count <= most)
        {
            return ordered;
        }

        var rest = ordered.Skip(most - 1).ToList();
        var sum = Enumerable.Range(0, rest[0].Values.Count).Select(i => rest.Sum(one => one.Values[i])).ToList();
        return [.. ordered.Take(most - 1), new($"{rest.Count} others", sum)];
    }
}
