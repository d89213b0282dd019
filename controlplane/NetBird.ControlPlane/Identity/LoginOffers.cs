using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Identity.Embedded;
using NetBird.ControlPlane.Identity.Tokens;

namespace NetBird.ControlPlane.Identity;

/// <summary>Where and how agents log in.</summary>
/// <param name="Issuer">OIDC issuer.</param>
/// <param name="ClientId">The agents' client there.</param>
/// <param name="Scope">Space separated, RFC 6749 section 3.3.</param>
/// <param name="DeviceCodeSupported">Whether to offer the device code.</param>
internal sealed record LoginOffer(string Issuer, string ClientId, string Scope, bool DeviceCodeSupported);

/// <summary>The offer of the embedded IdP, or of the company's by what its discovery document says it has.</summary>
internal sealed class LoginOffers(ServeOptions options, PublicUrl url, IServiceProvider services)
{
    /// <summary>Scope of the groups claim, where an issuer has one for it (Okta).</summary>
    public const string Groups = "groups";

    private static readonly string[] Always = ["openid", "profile", "email"];

    // Asked for where they exist: many issuers refuse a scope they do not know.
    private static readonly string[] WhereOffered = [Groups, "offline_access"];

    public async Task<LoginOffer> CurrentAsync(CancellationToken cancellationToken)
    {
        if (options.Oidc is not { } oidc)
        {
            return new(url.Value.AbsoluteUri, IdpClient.AgentId, string.Join(' ', [.. Always, .. WhereOffered]), true);
        }

        var issuer = oidc.Issuer.OriginalString;
        try
        {
            var metadata = await services.GetRequiredService<ExternalIdTokens>().Metadata.GetConfigurationAsync(cancellationToken);
            var scopes = Always.Concat(WhereOffered.Where(metadata.ScopesSupported.Contains));
            return new(issuer, oidc.ClientId, string.Join(' ', scopes), !string.IsNullOrEmpty(metadata.DeviceAuthorizationEndpoint));
        }
        catch (Exception e) when (e is InvalidOperationException or IOException or HttpRequestException)
        {
            // The agent will meet the same wall, and says so with the issuer's address.
            return new(issuer, oidc.ClientId, string.Join(' ', Always), false);
        }
    }
}
