using System.Collections.Immutable;
using NetBird.ControlPlane.Store;
using NetBird.Policy;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Providers;

/// <summary>A connected model provider of this account.</summary>
internal sealed record Provider : IDocument<ProviderId>
{
    public required ProviderId Id { get; init; }

    /// <summary>Unique, whatever the case.</summary>
    public required string Name { get; init; }

    /// <summary>Catalogue id, such as <c>anthropic_api</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>Base URL without a trailing slash.</summary>
    public required Uri Upstream { get; init; }

    public bool Enabled { get; init; }

    /// <summary>In order of preference. Several: rotation without a lost request, and failover.</summary>
    public ImmutableArray<SealedProviderKey> Keys { get; init; } = [];

    /// <summary>Reads the provider's own report of usage and cost, for reconciliation; goes with no request. Null: none.</summary>
    public SealedProviderKey? ReportKey { get; init; }

    /// <summary>What it offers, with prices where they differ from the list. Empty: any model, list prices.</summary>
    public ImmutableArray<ProviderModel> Models { get; init; } = [];

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset ModifiedAt { get; init; }

    /// <summary>Prices that differ from the list, for the price table.</summary>
    public IEnumerable<PriceOverride> PriceOverrides() => Models
        .Where(model => model.Prices is not null)
        .Select(model => new PriceOverride(Id, model.Id, new(model.Prices!.Since, model.Prices.ToRates()))); // filtered above

    /// <summary>What policy decides by.</summary>
    public PolicyProvider ToPolicyProvider() => new(Id, Name, [.. Models.Select(model => model.Id)]);

    string IDocument.Label => Name;
}

/// <summary>A provider's key at rest.</summary>
/// <param name="Id">Our id of it.</param>
/// <param name="Name">Shown to people.</param>
/// <param name="Sealed">The secret, by ASP.NET Data Protection; unsealed by <see cref="ProviderKeys"/> only.</param>
/// <param name="AddedAt">When it was given to us.</param>
internal sealed record SealedProviderKey(string Id, string Name, string Sealed, DateTimeOffset AddedAt);

/// <summary>A model a provider offers.</summary>
/// <param name="Id">As callers name it.</param>
/// <param name="Prices">In place of the list price, or null.</param>
internal sealed record ProviderModel(string Id, TokenPrices? Prices);

/// <summary>Prices of one token in nano-USD.</summary>
/// <param name="Since">Requests before it keep the list price.</param>
/// <param name="Input">Plain prompt tokens.</param>
/// <param name="Output">Generated tokens.</param>
/// <param name="CacheRead">Null: a tenth of input, as the list does.</param>
/// <param name="CacheWrite5m">Null: 1.25 times input.</param>
/// <param name="CacheWrite1h">Null: twice input.</param>
internal sealed record TokenPrices(
    DateTimeOffset Since, long Input, long Output, long? CacheRead, long? CacheWrite5m, long? CacheWrite1h)
{
    public ModelRates ToRates()
    {
        var derived = ModelRates.FromInputAndOutput(Input, Output);
        return derived with
        {
            CacheRead = CacheRead ?? derived.CacheRead,
            CacheWrite5m = CacheWrite5m ?? derived.CacheWrite5m,
            CacheWrite1h = CacheWrite1h ?? derived.CacheWrite1h,
        };
    }
}
