namespace NetBird.ControlPlane.Usage;

/// <summary>Spans of an overview cut at its range, and each into whole hours (UTC) and what is left at its ends.</summary>
internal sealed class OverviewParts
{
    public OverviewParts(OverviewQuery query, IReadOnlyList<(DateTimeOffset Start, DateTimeOffset End)> spans)
    {
        for (var i = 0; i < spans.Count; i++)
        {
            var from = Math.Max(spans[i].Start.UtcTicks, query.From.UtcTicks);
            var to = Math.Min(spans[i].End.UtcTicks, query.To.UtcTicks);
            var first = (from + TimeSpan.TicksPerHour - 1) / TimeSpan.TicksPerHour;
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

    private void AddEdge(int span, long from, long to)
    {
        if (from < to)
        {
            Edges.Add((span, from, to));
        }
    }
}
