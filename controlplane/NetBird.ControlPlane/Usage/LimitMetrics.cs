using System.Diagnostics.Metrics;
using NetBird.Policy.Limits;

namespace NetBird.ControlPlane.Usage;

/// <summary>
/// How well limits hold: what was refused, how far estimates fell short, and by how much a cap was passed for it.
/// Meter <c>NetBird.Limits</c>.
/// </summary>
internal sealed class LimitMetrics : IDisposable
{
    public const string MeterName = "NetBird.Limits";

    private readonly Meter _meter;
    private readonly Counter<long> _refused;
    private readonly Histogram<long> _underTokens;
    private readonly Histogram<double> _underUsd;
    private readonly Histogram<long> _overTokens;
    private readonly Histogram<double> _overUsd;

    public LimitMetrics(IMeterFactory? meters = null)
    {
        _meter = meters?.Create(MeterName) ?? new Meter(MeterName);
        _refused = _meter.CreateCounter<long>(
            "netbird_limit_refusals", "{request}", "Requests refused because a cap was reached");
        _underTokens = _meter.CreateHistogram<long>(
            "netbird_limit_underestimate_tokens", "{token}", "Tokens a request used beyond its reservation");
        _underUsd = _meter.CreateHistogram<double>(
            "netbird_limit_underestimate_usd", "USD", "Cost of a request beyond its reservation");
        _overTokens = _meter.CreateHistogram<long>(
            "netbird_limit_overshoot_tokens", "{token}", "Tokens by which a cap was passed after a request settled");
        _overUsd = _meter.CreateHistogram<double>(
            "netbird_limit_overshoot_usd", "USD", "Cost by which a cap was passed after a request settled");
    }

    public void Refused(Cap cap)
        => _refused.Add(1, new KeyValuePair<string, object?>("source", cap.SourceName), new("scope", cap.Counter.Scope.ToString()));

    public void Settled(in Settlement settlement)
    {
        Record(settlement.UnderTokens, _underTokens);
        Record(settlement.OverTokens, _overTokens);
        RecordUsd(settlement.UnderNanoUsd, _underUsd);
        RecordUsd(settlement.OverNanoUsd, _overUsd);
    }

    public void Dispose() => _meter.Dispose();

    private static void Record(long tokens, Histogram<long> histogram)
    {
        if (tokens > 0)
        {
            histogram.Record(tokens);
        }
    }

    /// <summary>Metrics only: an exporter's numbers are doubles. No amount is kept or compared in this form.</summary>
    private static void RecordUsd(long nanoUsd, Histogram<double> histogram)
    {
        if (nanoUsd > 0)
        {
            histogram.Record(nanoUsd / 1e9);
        }
    }
}
