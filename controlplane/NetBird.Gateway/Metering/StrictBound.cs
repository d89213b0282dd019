using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace NetBird.Gateway.Metering;

/// <summary>
/// What a crash leaves of a request under a strict cap, and what one counts with that ended without figures: no less than
/// the provider may charge for it, so that the cap holds across kill -9 too. The provider goes on for a while after the gateway died, so what was seen of an answer is no bound; <c>max_tokens</c> is.
/// </summary>
internal static class StrictBound
{
    /// <summary>Before any figure: all that was reserved, tokens and money.</summary>
    public static UsageRecord OfUnseen(GatewayCall call, UsageRecord record) => record with
    {
        Usage = PriceTable.MostUsage(call.Request!), Cost = Bound(call).Cost,
    };

    /// <summary>
    /// With the provider's word on the prompt, the prompt is that, and the answer its bound. A prompt that the provider's own tools may
    /// still make longer, or that another model may yet be asked with, has no such word.
    /// </summary>
    public static UsageRecord OfSeen(GatewayCall call, UsageRecord record, bool tellsInput)
    {
        var request = call.Request!;
        if (!tellsInput || request.UnboundedInput || request.AnyFallback || !request.OtherModels.IsEmpty)
        {
            return OfUnseen(call, record);
        }

        var most = PriceTable.MostUsage(request);
        var tokens = record.Usage.Tokens;
        var usage = record.Usage with { Tokens = tokens with { Output = Math.Max(tokens.Output, most.Tokens.Output) } };
        var priced = call.Snapshot!.Policies.Prices.Price(call.Charged!.Provider, record.Model, usage, call.StartedAt);
        return record with { Usage = usage, Cost = new(Math.Max(priced.Cost.Value, record.Cost.Value)) };
    }

    private static RequestBound Bound(GatewayCall call)
        => call.Snapshot!.Policies.Prices.UpperBound(call.Charged!.Provider, call.Request!, call.StartedAt);
}
