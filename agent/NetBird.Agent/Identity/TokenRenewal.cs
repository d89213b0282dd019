using Duende.IdentityModel;
using Duende.IdentityModel.Client;

namespace NetBird.Agent.Identity;

/// <summary>The issuer's side of silent renewal and logout: refresh (RFC 6749 section 6) and revocation (RFC 7009).</summary>
internal static class TokenRenewal
{
    /// <summary>A fresh ID token. The issuer may rotate the refresh token; the new one is then in the answer.</summary>
    /// <exception cref="LoginException">Final when the refresh token is dead, so that only a person can log in.</exception>
    public static async Task<IssuedLogin> RefreshAsync(LoginIssuer issuer, string refreshToken, CancellationToken cancellationToken)
    {
        using var http = IssuerHttp.Client();
        var discovery = await Discovery.GetAsync(http, issuer.Issuer, cancellationToken).ConfigureAwait(false);
        using var request = new RefreshTokenRequest
        {
            Address = discovery.TokenEndpoint,
            ClientId = issuer.ClientId,
            ClientCredentialStyle = ClientCredentialStyle.PostBody,
            RefreshToken = refreshToken,
        };
        var answer = await http.RequestRefreshTokenAsync(request, cancellationToken).ConfigureAwait(false);
        if (answer.IsError)
        {
            var dead = answer.Error is OidcConstants.TokenErrors.InvalidGrant or OidcConstants.TokenErrors.InvalidClient
                or OidcConstants.TokenErrors.UnauthorizedClient;
            throw new LoginException($"The login at {issuer.Issuer} is not renewed: {OidcWords.Of(answer.Error, answer.ErrorDescription)}", dead);
        }

        // Section 12.2 of OpenID Connect Core lets a refresh answer come without an ID token; then only a person can help.
        return answer.IdentityToken is { Length: > 0 } idToken
            ? new IssuedLogin(idToken, answer.RefreshToken is { Length: > 0 } rotated ? rotated : refreshToken)
            : throw new LoginException($"The identity provider at {issuer.Issuer} renews no ID tokens.");
    }

    /// <summary>Revokes at the issuer; best effort, since logout must work with the issuer down.</summary>
    /// <returns>Why it is not revoked, as a sentence; null when it is.</returns>
    public static async Task<string?> TryRevokeAsync(LoginIssuer issuer, string refreshToken, CancellationToken cancellationToken)
    {
        using var http = IssuerHttp.Client();
        try
        {
            var discovery = await Discovery.GetAsync(http, issuer.Issuer, cancellationToken).ConfigureAwait(false);
            if (string.IsNullOrEmpty(discovery.RevocationEndpoint))
            {
                return "it offers no revocation.";
            }

            using var request = new TokenRevocationRequest
            {
                Address = discovery.RevocationEndpoint,
                ClientId = issuer.ClientId,
                ClientCredentialStyle = ClientCredentialStyle.PostBody,
                Token = refreshToken,
                TokenTypeHint = OidcConstants.TokenTypes.RefreshToken,
            };
            var answer = await http.RevokeTokenAsync(request, cancellationToken).ConfigureAwait(false);
            return answer.IsError ? OidcWords.Of(answer.Error, null) : null;
        }
        catch (Exception e) when (e is LoginException or HttpRequestException)
        {
            return OidcWords.Of(e.Message, null);
        }
    }
}
