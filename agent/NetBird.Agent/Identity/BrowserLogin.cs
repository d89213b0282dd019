using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;
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
        var nonce = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(16));
        var state = await PrepareAsync(client, issuer, nonce, cancellationToken).ConfigureAwait(false);
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

        return !AnswersNonce(result.IdentityToken, nonce)
            ? throw new LoginException($"The identity provider at {issuer.Issuer} answered another login than this one. Run the command again.")
            : new IssuedLogin(result.IdentityToken, string.IsNullOrEmpty(result.RefreshToken) ? null : result.RefreshToken);
    }

    private static async Task<AuthorizeState> PrepareAsync(OidcClient client, LoginIssuer issuer, string nonce, CancellationToken cancellationToken)
    {
        AuthorizeState state;
        try
        {
            // OpenID Connect Core section 11: offline access is to be consented to, or strict providers give no refresh token.
            var extra = new Parameters { { "nonce", nonce } };
            if (issuer.Scope.Split(' ').Contains("offline_access"))
            {
                extra.Add("prompt", "consent");
            }

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

    /// <summary>
    /// OpenID Connect Core section 3.1.2.1: optional with the code flow, where PKCE does the same; some issuers (Glewlwyd)
    /// refuse a request without. An ID token that carries one carries ours (section 3.1.3.7, step 11).
    /// </summary>
    private static bool AnswersNonce(string idToken, string nonce)
    {
        try
        {
            using var payload = JsonDocument.Parse(Base64Url.DecodeFromChars(idToken.Split('.')[1]));
            return !payload.RootElement.TryGetProperty("nonce", out var answered) || answered.ValueEquals(nonce);
        }
        catch (Exception e) when (e is JsonException or FormatException or IndexOutOfRangeException)
        {
            // No token that we can read; the control plane says what is wrong with it.
            return true;
        }
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
