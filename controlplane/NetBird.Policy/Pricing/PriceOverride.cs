using NetBird.Primitives;

namespace NetBird.Policy.Pricing;

/// <summary>What a provider really charges an account for a model, in place of the list price, from a date on.</summary>
/// <param name="Provider">Whose price.</param>
/// <param name="Model">Model id as the table or the caller writes it.</param>
/// <param name="Price">The price and its date; requests before it keep the list price.</param>
public sealed record PriceOverride(ProviderId Provider, string Model, ModelPrice Price);
