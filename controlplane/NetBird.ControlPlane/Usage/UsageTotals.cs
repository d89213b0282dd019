using NetBird.Gateway.Metering;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage;

/// <summary>Sums over requests.</summary>
/// <param name="Rows">All, refused requests and parts too.</param>
/// <param name="Denied">Refused by us.</param>
/// <param name="Interrupted">Requests with usage that is partly an estimate.</param>
/// <param name="PriceUnknown">Of a model without a price of its own.</param>
/// <param name="Tokens">By bucket.</param>
/// <param name="WebSearches">Searches the provider ran.</param>
/// <param name="Cost">At the price of each request's own time.</param>
/// <param name="Failed">Let through, and ended in an error of the provider's, or without an answer.</param>
/// <param name="Parts">Rows of what was billed beside requests (<see cref="UsageRecord.IsPart"/>).</param>
public readonly record struct UsageTotals(
    long Rows,
    long Denied,
    long Interrupted,
    long PriceUnknown,
    TokenUsage Tokens,
    long WebSearches,
    NanoUsd Cost,
    long Failed,
    long Parts)
{
    /// <summary>All, refused ones too.</summary>
    public long Requests => Rows - Parts;

    /// <summary>One row as a sum.</summary>
    public static UsageTotals Of(UsageRecord record) => new(
        1,
        record.DenyReason is null ? 0 : 1,
        record is { Completeness: Completeness.Interrupted, IsPart: false } ? 1 : 0,
        record.PriceUnknown ? 1 : 0,
        record.Usage.Tokens,
        record.Usage.WebSearchRequests,
        record.Cost,
        record is { Failed: true, IsPart: false } ? 1 : 0,
        record.IsPart ? 1 : 0);

    /// <summary>The same sum with the price of a row replaced.</summary>
    internal UsageTotals Repriced(RowPrice was, RowPrice now) => this with
    {
        PriceUnknown = PriceUnknown + (now.Unknown ? 1 : 0) - (was.Unknown ? 1 : 0),
        Cost = new(Cost.Value + now.Cost.Value - was.Cost.Value),
    };

    public static UsageTotals operator -(UsageTotals a, UsageTotals b) => new(
        a.Rows - b.Rows,
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
        a.Failed - b.Failed,
        a.Parts - b.Parts);

    public static UsageTotals operator +(UsageTotals a, UsageTotals b) => new(
        a.Rows + b.Rows,
        a.Denied + b.Denied,
        a.Interrupted + b.Interrupted,
        a.PriceUnknown + b.PriceUnknown,
        a.Tokens + b.Tokens,
        a.WebSearches + b.WebSearches,
        a.Cost + b.Cost,
        a.Failed + b.Failed,
        a.Parts + b.Parts);
}
