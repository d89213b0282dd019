using NetBird.ControlPlane.Dashboard.Charts;
using NetBird.ControlPlane.Usage;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Dashboard.Viewing;

/// <summary>Everything the overview shows of a range, read at one time.</summary>
internal sealed record OverviewFigures
{
    public required UsageTotals Totals { get; init; }

    /// <summary>Of the period of the same length before.</summary>
    public required UsageTotals Before { get; init; }

    /// <summary>Since midnight.</summary>
    public required UsageTotals Today { get; init; }

    /// <summary>Since the first of this month.</summary>
    public required UsageTotals Month { get; init; }

    /// <summary>What the month comes to when its rest goes on as the last seven days did.</summary>
    public required Forecast Forecast { get; init; }

    /// <summary>What the prompt would have cost beyond what it did, without a cache, at list prices; below zero: writing cost more.</summary>
    public required NanoUsd CacheSaved { get; init; }

    /// <summary>Of the newest answered requests of the range.</summary>
    public required ResponseTimes Times { get; init; }

    public required IReadOnlyList<string> Labels { get; init; }

    /// <summary>Every person, group, model and provider with usage, the dearest first.</summary>
    public required IReadOnlyDictionary<OverviewKey, IReadOnlyList<OverviewLine>> Lines { get; init; }

    /// <summary>The chosen dimension's largest over time, and all others as one.</summary>
    public required IReadOnlyList<ChartSeries> Series { get; init; }
}

/// <summary>Of a month, to its end.</summary>
internal readonly record struct Forecast(NanoUsd Cost, long Tokens);

/// <summary>One person, group, model or provider of an overview.</summary>
public sealed record OverviewLine(string Key, string Name, UsageTotals Totals);

/// <summary>What an overview shows.</summary>
/// <param name="Range">Of when.</param>
/// <param name="By">What the chart is split by.</param>
/// <param name="Metric">What the chart measures.</param>
internal sealed record OverviewChoice(RangeChoice Range, OverviewKey By, Metric Metric);

/// <summary>What a chart measures.</summary>
internal enum Metric
{
    Spend = 1,
    Tokens = 2,
    Requests = 3,
}

/// <summary>Times to the first byte of the newest requests that were let through.</summary>
/// <param name="Timed">How many of them were answered at all; at most 500.</param>
internal sealed record ResponseTimes(int Timed, TimeSpan? Median, TimeSpan? P95);
