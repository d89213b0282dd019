using System.Text.Json.Serialization;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Providers;

/// <summary>A provider as REST gives it: everything but its keys.</summary>
internal sealed record ProviderAnswer(
    ProviderId Id,
    string ProviderId,
    string Name,
    string UpstreamUrl,
    bool Enabled,
    bool HasApiKey,
    bool HasAdminApiKey,
    IEnumerable<ProviderKeyAnswer> Keys,
    IEnumerable<ProviderModelAnswer> Models,
    DateTimeOffset CreatedAt,
    DateTimeOffset UpdatedAt)
{
    public static ProviderAnswer Of(Provider provider, ProviderKeys keys, Uri upstream) => new(
        provider.Id,
        provider.Kind,
        provider.Name,
        upstream.AbsoluteUri.TrimEnd('/'),
        provider.Enabled,
        !provider.Keys.IsEmpty,
        provider.ReportKey is not null,
        provider.Keys.Select(key => ProviderKeyAnswer.Of(provider.Id, key, keys)),
        provider.Models.Select(ProviderModelAnswer.Of),
        provider.CreatedAt,
        provider.ModifiedAt);
}

/// <summary>A key of a provider: that it is there, and how it fares. Nothing of the secret.</summary>
/// <param name="Id">Our id of it.</param>
/// <param name="Name">Given by people.</param>
/// <param name="AddedAt">When.</param>
/// <param name="State"><c>working</c>, <c>refused</c> or <c>limited</c>, by what the provider said lately.</param>
/// <param name="StateSince">Since when, where it is not working.</param>
internal sealed record ProviderKeyAnswer(string Id, string Name, DateTimeOffset AddedAt, string State, DateTimeOffset? StateSince)
{
    public static ProviderKeyAnswer Of(ProviderId provider, SealedProviderKey key, ProviderKeys keys)
    {
        var trouble = keys.TroubleOf(provider, key.Id);
        return new(key.Id, key.Name, key.AddedAt, trouble is null ? "working" : trouble.Status == 429 ? "limited" : "refused", trouble?.At);
    }
}

/// <summary>
/// A model a provider offers, with its prices in dollars for a thousand tokens where they differ from the list, and since when
/// they hold; who sets them may say so with <c>since</c>.
/// </summary>
internal sealed record ProviderModelAnswer(
    string Id,
    [property: JsonPropertyName("input_per_1k")] decimal? InputPer1k,
    [property: JsonPropertyName("output_per_1k")] decimal? OutputPer1k,
    [property: JsonPropertyName("cached_input_per_1k")] decimal? CachedInputPer1k,
    [property: JsonPropertyName("cache_creation_per_1k")] decimal? CacheCreationPer1k,
    [property: JsonPropertyName("cache_creation_1h_per_1k")] decimal? CacheCreation1hPer1k,
    DateTimeOffset? PricedSince)
{
    public static ProviderModelAnswer Of(ProviderModel model) => new(
        model.Id,
        Per1K(model.Prices?.Input),
        Per1K(model.Prices?.Output),
        Per1K(model.Prices?.CacheRead),
        Per1K(model.Prices?.CacheWrite5m),
        Per1K(model.Prices?.CacheWrite1h),
        model.Prices?.Since);

    private static decimal? Per1K(long? nanoUsdPerToken)
        => nanoUsdPerToken is { } price ? new NanoUsd(checked(price * 1000)).ToUsd() : null;
}
