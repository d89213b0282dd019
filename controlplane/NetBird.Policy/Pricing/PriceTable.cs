using NetBird.Primitives;

namespace NetBird.Policy.Pricing;

/// <summary>Dated list prices, with overrides per provider. Immutable.</summary>
public sealed class PriceTable
{
    /// <summary>What a usage cost at the time of its request.</summary>
    public PricedUsage Price(ProviderId provider, string model, RequestUsage usage, DateTimeOffset at)
        => throw new NotImplementedException();
}

/// <summary>A price.</summary>
/// <param name="Cost">Exact.</param>
/// <param name="Known">False when the model has no price and the dearest known rate was used.</param>
public readonly record struct PricedUsage(NanoUsd Cost, bool Known);
