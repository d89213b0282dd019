using System.Security.Cryptography;
using System.Text;
using NetBird.ControlPlane.AdminApi;
using NetBird.ControlPlane.Store;

namespace NetBird.ControlPlane.Providers;

/// <summary>
/// The built-in sample: a small upstream of our own, reached over HTTP like any other and with a key of its own, so
/// that a fresh installation can be tried from end to end without an account anywhere. What it answers says what it is.
/// </summary>
internal sealed class SampleProvider(IConfigurationStore store, SecretSeal seal, AdministrationOptions options)
{
    /// <summary>Where it is served, beside the REST API.</summary>
    public const string Path = "/sample-provider";

    /// <summary>The base URL of a provider: its own, or ours for the sample.</summary>
    public Uri UpstreamOf(Provider provider)
        => provider.Kind == ProviderCatalogue.Sample ? new(options.PublicUrl.GetLeftPart(UriPartial.Authority) + Path) : provider.Upstream;

    /// <summary>Whether a key is that of a connected sample provider.</summary>
    public bool Accepts(string key)
    {
        var given = Encoding.UTF8.GetBytes(key);
        foreach (var provider in store.Current.Providers.Values.Where(provider => provider.Kind == ProviderCatalogue.Sample))
        {
            foreach (var own in provider.Keys)
            {
                if (seal.UnsealProviderKey(own.Sealed) is { } secret
                    && CryptographicOperations.FixedTimeEquals(given, Encoding.UTF8.GetBytes(secret)))
                {
                    return true;
                }
            }
        }

        return false;
    }
}
