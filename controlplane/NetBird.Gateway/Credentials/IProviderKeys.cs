using NetBird.Primitives;

namespace NetBird.Gateway.Credentials;

/// <summary>Unsealed provider keys, held in memory only as long as the host keeps them.</summary>
public interface IProviderKeys
{
    /// <summary>
    /// The key to use now, or null when the provider has none that works. With several, those refused or
    /// limited lately come last; <paramref name="except"/> are keys that this request already tried.
    /// </summary>
    ProviderKey? Current(ProviderId provider, IReadOnlyCollection<string> except);

    /// <summary>The provider refused or limited a key; the host alerts and moves on to the next.</summary>
    /// <param name="provider">Which provider.</param>
    /// <param name="keyId">Which of its keys.</param>
    /// <param name="status">The provider's HTTP status: 401, 403 or 429.</param>
    void ReportRefused(ProviderId provider, string keyId, int status);
}

/// <summary>One key. Its text form shows only the id, so that no log can carry the secret.</summary>
/// <param name="Id">Our id of the key.</param>
/// <param name="Secret">The provider's secret.</param>
public sealed record ProviderKey(string Id, string Secret)
{
    /// <inheritdoc/>
    public override string ToString() => $"ProviderKey {Id}";
}
