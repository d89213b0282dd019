using NetBird.Gateway.Metering;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage;

/// <summary>Sums over requests.</summary>
/// <param name="Requests">All, refused ones too.</param>
/// <param name="Denied">Refused by us.</param>
/// <param name="Interrupted">With usage that is partly an estimate.</param>
/// <param name="PriceUnknown">Of a model without a price of its own.</param>
/// <param name="Tokens">By bucket.</param>
/// <param name="WebSearches">Searches the provider ran.</param>
/// <param name="Cost">At the price of each request's own time.</param>
/// <param name="Failed">Let through, and ended in an error of the provider's, or without an answer.</param>
public readonly record struct UsageTotals(
    long Requests,
    long Denied,
    long Interrupted,
    long PriceUnknown,
    TokenUsage Tokens,
    long WebSearches,
    NanoUsd Cost,
    long Failed)
{
    /// <summary>One row as a sum.</summary>
    public static UsageTotals Of(UsageRecord record) => new(
        1,
        record.DenyReason is null ? 0 : 1,
        record.Completeness is Completeness.Interrupted ? 1 : 0,
        record.PriceUnknown ? 1 : 0,
        record.Usage.Tokens,
        record.Usage.WebSearchRequests,
        record.Cost,
        record.Failed ? 1 : 0);

    /// <summary>The same sum with the price of a row replaced.</summary>
    internal UsageTotals Repriced(RowPrice was, RowPrice now) => this with
    {
        PriceUnknown = PriceUnknown + (now.Unknown ? 1 : 0) - (was.Unknown ? 1 : 0),
        Cost = new(Cost.Value + now.Cost.Value - was.Cost.Value),
    };

    public static UsageTotals operator -(UsageTotals a, UsageTotals b) => new(
        a.Requests - b.Requests,
        a.Denied - b.Denied,
        a.Interrupted - b.Interrupted,
        a.PriceUnknown - b.PriceUnknown,
        new(
            a.Tokens.Input - b.Tokens.Input,
            a.Tokens.Output - b.Tokens.Output,
            a.Tokens.CacheRead - b.Tokens.CacheRead,
            a.Tokens.CacheWrite5m - b.Tokens.CacheWrite5m,
            a.Tokens.CacheWrite1h - b.Tokens.CacheWrite1h),
        a.WebSearches - b.WebSearches,
        new(a.Cost.Value - b.Cost.Value),
        a.Failed - b.Failed);

    public static UsageTotals operator +(UsageTotals a, UsageTotals b) => new(
        a.Requests + b.Requests,
        a.Denied + b.Denied,
        a.Interrupted + b.Interrupted,
        a.PriceUnknown + b.PriceUnknown,
        a.Tokens + b.Tokens,
        a.WebSearches + b.WebSearches,
        a.Cost + b.Cost,
        a.Failed + b.Failed);
}
