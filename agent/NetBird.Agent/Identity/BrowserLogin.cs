using Duende.IdentityModel.Client;
using Duende.IdentityModel.OidcClient;

namespace NetBird.Agent.Identity;

/// <summary>Authorization code with PKCE on a loopback redirect (RFC 7636, RFC 8252).</summary>
internal static class BrowserLogin
{
    /// <summary>Ours: long enough for a password manager and a second factor.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    public static async Task<IssuedLogin> RunAsync(
        LoginIssuer issuer, Action<LoginPrompt> tell, TimeProvider time, CancellationToken cancellationToken)
    {
        await using var redirect = await LoopbackRedirect.StartAsync(cancellationToken).ConfigureAwait(false);
        var options = Options(issuer);
        options.RedirectUri = redirect.Uri;
        var client = new OidcClient(options);
        var state = await PrepareAsync(client, issuer, cancellationToken).ConfigureAwait(false);
        redirect.Expect(state.State);
        tell(new LoginPrompt.OpenUrl(state.StartUrl));

        using var deadline = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline.Token);
        string query;
        try
        {
            query = await redirect.WaitAsync(either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new LoginException("Nobody finished the login in the browser within 5 minutes. Run the command again, or use --device-code.");
        }

        var result = await client.ProcessResponseAsync(query, state, null, cancellationToken).ConfigureAwait(false);
        if (result.IsError)
        {
            throw new LoginException($"The login at {issuer.Issuer} failed: {OidcWords.Of(result.Error, result.ErrorDescription)} Run the command again.");
        }

        return new IssuedLogin(result.IdentityToken, string.IsNullOrEmpty(result.RefreshToken) ? null : result.RefreshToken);
    }

    private static async Task<AuthorizeState> PrepareAsync(OidcClient client, LoginIssuer issuer, CancellationToken cancellationToken)
    {
        AuthorizeState state;
        try
        {
            // OpenID Connect Core section 11: offline access is to be consented to, or strict providers give no refresh token.
            var extra = issuer.Scope.Split(' ').Contains("offline_access") ? new Parameters { { "prompt", "consent" } } : null;
            state = await client.PrepareLoginAsync(extra, cancellationToken).ConfigureAwait(false);
        }
        catch (InvalidOperationException e)
        {
            // How OidcClient reports a discovery document that it could not get or does not trust.
            throw new LoginException($"The identity provider at {issuer.Issuer} cannot be used now: {OidcWords.Of(e.Message, null)}", e);
        }

        return state.IsError
            ? throw new LoginException($"The identity provider at {issuer.Issuer} cannot be used now: {OidcWords.Of(state.Error, state.ErrorDescription)}", final: false)
            : state;
    }

    internal static OidcClientOptions Options(LoginIssuer issuer) => new()
    {
        Authority = issuer.Issuer,
        ClientId = issuer.ClientId,
        Scope = issuer.Scope,
        LoadProfile = false,
        // Endpoints may live on other hosts than the issuer (Google's do); https stays required but for loopback.
        Policy = { Discovery = { ValidateEndpoints = false } },
        BackchannelHandler = IssuerHttp.Handler(),
        BackchannelTimeout = TimeSpan.FromSeconds(15),
    };
}
