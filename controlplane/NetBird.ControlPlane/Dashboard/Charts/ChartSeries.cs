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
}
