using System.Collections.Immutable;
using NetBird.Policy.Pricing;

namespace NetBird.ControlPlane.Providers;

/// <summary>Kinds of provider that can be connected.</summary>
internal static class ProviderCatalogue
{
    public const string Anthropic = "anthropic_api";
    public const string AnthropicCompatible = "anthropic_compatible";
    public const string Sample = "sample";

    public static readonly ImmutableArray<CatalogueEntry> All =
    [
        new(Anthropic, "Anthropic", "The Anthropic API, with a key from console.anthropic.com.", new("https://api.anthropic.com"), NeedsKey: true,
            [.. PriceTable.Default.Models]),
        new(AnthropicCompatible, "Anthropic compatible", "Any server that speaks the Anthropic Messages API, by its base URL.", null,
            NeedsKey: true, []),
        new(Sample, "Built-in sample", "Answers by itself, without a key or a network, and says so: to try everything out before a real "
            + "provider is connected.", null, NeedsKey: false, []),
    ];

    public static CatalogueEntry? Find(string kind)
    {
        // Both spellings are found in people's files.
        var name = kind.Replace('-', '_');
        return All.FirstOrDefault(entry => entry.Id == name);
    }
}

/// <summary>A kind of provider.</summary>
/// <param name="Id">Its <c>provider_id</c>.</param>
/// <param name="Name">Shown to people.</param>
/// <param name="Description">What it is.</param>
/// <param name="DefaultUpstream">Its URL where none is given; null: one must be given.</param>
/// <param name="NeedsKey">It must be given a key.</param>
/// <param name="Models">Models with a list price.</param>
internal sealed record CatalogueEntry(
    string Id, string Name, string Description, Uri? DefaultUpstream, bool NeedsKey, ImmutableArray<string> Models);
