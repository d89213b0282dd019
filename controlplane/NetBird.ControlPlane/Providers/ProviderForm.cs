using System.Collections.Immutable;
using System.Security.Cryptography;
using NetBird.ControlPlane.Forms;
using NetBird.ControlPlane.Tokens;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Providers;

/// <summary>Reads a provider. Its key goes straight into the seal.</summary>
internal sealed class ProviderForm(SecretSeal seal, TimeProvider time)
{
    private const int MaxKeyLength = 4096;

    // USD 1,000 for a thousand tokens: far over any price, far under overflow.
    private const decimal MaxUsdPer1K = 1000;

    private static readonly Uri SampleUpstream = new("http://sample.invalid");

    /// <param name="form">What was sent.</param>
    /// <param name="references">What it may name.</param>
    /// <param name="basis">Values of fields that were not sent; an empty kind makes the kind required.</param>
    /// <param name="apiKey">A key from elsewhere (a file or variable that <c>apply</c> read) in place of <c>api_key</c>.</param>
    public Provider Read(Form form, References references, Provider basis, string? apiKey = null)
    {
        form.Ignore("id", "created_at", "updated_at", "keys", "has_api_key", "has_admin_api_key");
        var entry = ReadKind(form, basis);
        var provider = basis with
        {
            Kind = entry?.Id ?? basis.Kind,
            Name = form.Name("name", basis.Name.Length > 0 ? basis.Name : entry?.Name),
            Upstream = ReadUpstream(form, entry, basis),
            Enabled = form.Flag("enabled", basis.Enabled),
            Models = ReadModels(form, basis),
        };
        provider = provider with { Keys = ReadKeys(form, entry, basis, apiKey ?? form.Text("api_key", "", MaxKeyLength)) };
        provider = provider with { ReportKey = ReadReportKey(form, basis) };
        form.RefuseUnknown();
        if (references.Draft.Providers.All.Any(other => other.Id != provider.Id && Names.Same(other.Name, provider.Name)))
        {
            form.Fail("name", "Another provider has this name.");
        }

        return provider;
    }

    /// <summary>A further key, sealed; null when it is one of those already there.</summary>
    public SealedProviderKey? Seal(string name, string secret, ImmutableArray<SealedProviderKey> existing)
        => existing.Any(key => seal.UnsealProviderKey(key.Sealed) == secret)
            ? null
            : new(RandomNumberGenerator.GetHexString(12, lowercase: true), name, seal.SealProviderKey(secret), time.GetUtcNow());

    /// <summary>Why this can be no key, as a sentence; null when it can.</summary>
    public static string? Objection(string secret)
        => secret.Length is 0 or > MaxKeyLength || secret.Any(c => c is <= ' ' or > '~')
            ? "A key is printable ASCII without spaces. Was something else pasted?"
            : null;

    private static CatalogueEntry? ReadKind(Form form, Provider basis)
    {
        if (basis.Kind.Length == 0)
        {
            form.Require("provider_id");
        }

        var kind = form.Text("provider_id", basis.Kind, maxLength: 64);
        var entry = ProviderCatalogue.Find(kind);
        if (entry is null && kind.Length > 0)
        {
            form.Fail("provider_id", $"This is one of {string.Join(", ", ProviderCatalogue.All.Select(known => known.Id))}.");
        }
        else if (entry is not null && basis.Kind.Length > 0 && entry.Id != basis.Kind)
        {
            form.Fail("provider_id", "The kind of a provider cannot change; connect another one.");
        }

        return entry;
    }

    private static Uri ReadUpstream(Form form, CatalogueEntry? entry, Provider basis)
    {
        var text = form.Text("upstream_url", "", maxLength: 2048);
        if (entry?.Id == ProviderCatalogue.Sample)
        {
            // Where it listens is known at run time alone; see SampleProvider.UpstreamOf.
            return SampleUpstream;
        }

        if (text.Length == 0)
        {
            if (basis.Kind.Length == 0 && entry is { DefaultUpstream: null })
            {
                form.Fail("upstream_url", "This kind of provider needs its base URL.");
            }

            return basis.Kind.Length > 0 ? basis.Upstream : entry?.DefaultUpstream ?? basis.Upstream;
        }

        if (UpstreamUrl.TryParse(text, out var url, out var objection))
        {
            return url;
        }

        form.Fail("upstream_url", objection);
        return basis.Upstream;
    }

    private static ImmutableArray<ProviderModel> ReadModelsFrom(ImmutableArray<Form> parts, Provider basis, DateTimeOffset now)
    {
        var models = ImmutableArray.CreateBuilder<ProviderModel>();
        foreach (var part in parts)
        {
            part.Require("id");
            var id = part.Text("id", "", maxLength: 128, minLength: 1);
            var input = Price(part, "input_per_1k");
            var output = Price(part, "output_per_1k");
            var read = Price(part, "cached_input_per_1k");
            var write = Price(part, "cache_creation_per_1k");
            var write1h = Price(part, "cache_creation_1h_per_1k");
            var since = part.Ignore("priced_since").Time("since");
            part.RefuseUnknown();
            if (models.Any(model => model.Id == id))
            {
                part.Fail("id", "This model is there twice.");
            }

            if (input is null != output is null || (input is null && (read ?? write ?? write1h) is not null))
            {
                part.Fail(input is null ? "input_per_1k" : "output_per_1k", "A price needs both input_per_1k and output_per_1k.");
            }

            var known = basis.Models.FirstOrDefault(model => model.Id == id)?.Prices;
            var prices = input is { } i && output is { } o ? new TokenPrices(known?.Since ?? now, i, o, read, write, write1h) : null;

            // A price that changed holds from now on, or from when it is said to; one that did not keeps its date.
            models.Add(new(id, prices is null || (prices == known && since is null) ? prices : prices with { Since = since ?? now }));
        }

        return models.ToImmutable();
    }

    private static long? Price(Form form, string name)
    {
        // Dollars for a thousand tokens with nine decimals are nano-USD for a thousand; a token's must be whole.
        if (form.Amount(name, null, MaxUsdPer1K, 9) is not { } usd || !NanoUsd.TryFromUsd(usd, out var per1K))
        {
            return null;
        }

        if (per1K.Value % 1000 != 0)
        {
            form.Fail(name, "This price is finer than 0.000001 dollars for a thousand tokens.");
        }

        return per1K.Value / 1000;
    }

    private ImmutableArray<ProviderModel> ReadModels(Form form, Provider basis)
        => form.Parts("models") is { } parts ? ReadModelsFrom(parts, basis, time.GetUtcNow()) : basis.Models;

    /// <summary>Empty takes it away.</summary>
    private SealedProviderKey? ReadReportKey(Form form, Provider basis)
    {
        if (!form.Has("admin_api_key"))
        {
            form.Ignore("admin_api_key");
            return basis.ReportKey;
        }

        var secret = form.Text("admin_api_key", "", MaxKeyLength);
        if (secret.Length == 0)
        {
            return null;
        }

        if (Objection(secret) is { } objection)
        {
            form.Fail("admin_api_key", objection);
            return basis.ReportKey;
        }

        return basis.ReportKey is { } known && seal.UnsealProviderKey(known.Sealed) == secret ? known : Seal("admin_api_key", secret, []);
    }

    private ImmutableArray<SealedProviderKey> ReadKeys(Form form, CatalogueEntry? entry, Provider basis, string secret)
    {
        if (entry is { NeedsKey: false })
        {
            if (secret.Length > 0)
            {
                form.Fail("api_key", "The sample provider makes its own key.");
            }

            return basis.Keys.IsEmpty && Seal("own", SecretHash.NewSecret("sample_"), []) is { } own ? [own] : basis.Keys;
        }

        if (secret.Length == 0)
        {
            return basis.Keys;
        }

        if (Objection(secret) is { } objection)
        {
            form.Fail("api_key", objection);
            return basis.Keys;
        }

        // The key that is already the first one, sent again, changes nothing: apply stays idempotent.
        if (basis.Keys is [var first, ..] && seal.UnsealProviderKey(first.Sealed) == secret)
        {
            return basis.Keys;
        }

        return [Seal("api_key", secret, [])!]; // never null without existing keys
    }
}
