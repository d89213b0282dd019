namespace NetBird.ControlPlane.Usage;

/// <summary>Spans of an overview cut at its range, and each into whole hours (UTC) and what is left at its ends.</summary>
internal sealed class OverviewParts
{
    /// <param name="query">What is asked for.</param>
    /// <param name="spans">Its spans.</param>
    /// <param name="last">
    /// When the latest request began, UTC ticks: an hour that ends in a range which reaches past it is taken as a whole, for its sums hold
    /// no later request.
    /// </param>
    public OverviewParts(OverviewQuery query, IReadOnlyList<(DateTimeOffset Start, DateTimeOffset End)> spans, long last)
    {
        for (var i = 0; i < spans.Count; i++)
        {
            var from = Math.Max(spans[i].Start.UtcTicks, query.From.UtcTicks);
            var to = Math.Min(spans[i].End.UtcTicks, query.To.UtcTicks);
            to = to > last ? Ceil(to) : to;
            var first = Ceil(from) / TimeSpan.TicksPerHour;
            var end = to / TimeSpan.TicksPerHour;
            if (first >= end)
            {
                AddEdge(i, from, to);
                continue;
            }

            Hours.Add((i, first, end));
            AddEdge(i, from, first * TimeSpan.TicksPerHour);
            AddEdge(i, end * TimeSpan.TicksPerHour, to);
        }
    }

    /// <summary>Span, first hour, hour after the last.</summary>
    public List<(int Span, long First, long Last)> Hours { get; } = [];

    /// <summary>Span, first tick, tick after the last.</summary>
    public List<(int Span, long First, long Last)> Edges { get; } = [];

    private static long Ceil(long ticks) => (ticks + TimeSpan.TicksPerHour - 1) / TimeSpan.TicksPerHour * TimeSpan.TicksPerHour;

    private void AddEdge(int span, long from, long to)
    {
        if (from < to)
        {
            Edges.Add((span, from, to));
        }
    }
}
