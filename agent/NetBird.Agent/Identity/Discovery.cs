using Duende.IdentityModel.Client;

namespace NetBird.Agent.Identity;

/// <summary>The issuer's discovery document (OpenID Connect Discovery 1.0 section 4).</summary>
internal static class Discovery
{
    /// <exception cref="LoginException">Not reached, or it describes another issuer.</exception>
    public static async Task<DiscoveryDocumentResponse> GetAsync(HttpClient http, string issuer, CancellationToken cancellationToken)
    {
        // Https is required by default but for a loopback issuer; endpoints may live on other hosts (Google's do).
        using var request = new DiscoveryDocumentRequest { Address = issuer, Policy = new DiscoveryPolicy { ValidateEndpoints = false } };
        var document = await http.GetDiscoveryDocumentAsync(request, cancellationToken).ConfigureAwait(false);
        return document.IsError
            ? throw new LoginException($"The identity provider at {issuer} cannot be used now: {OidcWords.Of(document.Error, null)}", final: false)
            : document;
    }
}
