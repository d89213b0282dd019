namespace NetBird.ControlPlane.Usage;

/// <summary>Spans of an overview as ranges of ticks, and each of those as whole hours (UTC) and what is left at its ends.</summary>
internal sealed class OverviewParts
{
    /// <param name="ranges">By the number of their span.</param>
    public OverviewParts(IEnumerable<(int Span, long From, long To)> ranges)
    {
        foreach (var (span, from, to) in ranges)
        {
            var first = Ceil(from) / TimeSpan.TicksPerHour;
            var end = to / TimeSpan.TicksPerHour;
            if (first >= end)
            {
                AddEdge(span, from, to);
                continue;
            }

            Hours.Add((span, first, end));
            AddEdge(span, from, first * TimeSpan.TicksPerHour);
            AddEdge(span, end * TimeSpan.TicksPerHour, to);
        }
    }

    /// <summary>Span, first hour, hour after the last.</summary>
    public List<(int Span, long First, long Last)> Hours { get; } = [];

    /// <summary>Span, first tick, tick after the last.</summary>
    public List<(int Span, long First, long Last)> Edges { get; } = [];

    /// <summary>Each span cut at the query's range.</summary>
    /// <param name="query">What is asked for.</param>
    /// <param name="spans">Its spans.</param>
    /// <param name="last">
    /// When the latest request began, UTC ticks: an hour that ends in a range which reaches past it is taken as a whole, for its sums hold
    /// no later request.
    /// </param>
    /// <param name="rowsFrom">From when on rows are kept: see <see cref="Border"/>.</param>
    public static IEnumerable<(int Span, long From, long To)> Ranges(
        OverviewQuery query, IReadOnlyList<(DateTimeOffset Start, DateTimeOffset End)> spans, long last, long rowsFrom)
    {
        for (var i = 0; i < spans.Count; i++)
        {
            var from = Math.Max(spans[i].Start.UtcTicks, query.From.UtcTicks);
            var to = Math.Min(spans[i].End.UtcTicks, query.To.UtcTicks);
            to = to > last ? Ceil(to) : to;
            yield return (i, Border(from, rowsFrom), Border(to, rowsFrom));
        }
    }

    /// <summary>
    /// Where a moment divides: of an hour whose rows are gone there is one sum, which counts where the hour begins. Days of a zone that is
    /// not on the hour would else lose what was used around each midnight.
    /// </summary>
    public static long Border(long ticks, long rowsFrom) => ticks < rowsFrom ? Ceil(ticks) : ticks;

    private static long Ceil(long ticks) => (ticks + TimeSpan.TicksPerHour - 1) / TimeSpan.TicksPerHour * TimeSpan.TicksPerHour;

    private void AddEdge(int span, long from, long to)
    {
        if (from < to)
        {
            Edges.Add((span, from, to));
        }
    }
}
