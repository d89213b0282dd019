using Duende.IdentityModel;
using Duende.IdentityModel.Client;

namespace NetBird.Agent.Identity;

/// <summary>Device authorization grant (RFC 8628), for machines without a browser or display.</summary>
internal static class DeviceLogin
{
    /// <summary>RFC 8628 section 3.2: the interval when the issuer names none; 3.5: what slow_down adds.</summary>
    private static readonly TimeSpan FiveSeconds = TimeSpan.FromSeconds(5);

    public static async Task<IssuedLogin> RunAsync(
        LoginIssuer issuer, Action<LoginPrompt> tell, TimeProvider time, CancellationToken cancellationToken)
    {
        using var http = IssuerHttp.Client();
        var discovery = await Discovery.GetAsync(http, issuer.Issuer, cancellationToken).ConfigureAwait(false);
        if (string.IsNullOrEmpty(discovery.DeviceAuthorizationEndpoint))
        {
            throw new LoginException($"The identity provider at {issuer.Issuer} offers no device code. Log in with the browser, or use a setup key.");
        }

        using var ask = new DeviceAuthorizationRequest
        {
            Address = discovery.DeviceAuthorizationEndpoint,
            ClientId = issuer.ClientId,
            ClientCredentialStyle = ClientCredentialStyle.PostBody,
            Scope = issuer.Scope,
        };
        var code = await http.RequestDeviceAuthorizationAsync(ask, cancellationToken).ConfigureAwait(false);
        if (code.IsError || code.DeviceCode is null || code.UserCode is null || code.VerificationUri is null)
        {
            throw new LoginException($"The identity provider at {issuer.Issuer} gave no device code: {OidcWords.Of(code.Error, code.ErrorDescription)}", final: false);
        }

        var lifetime = TimeSpan.FromSeconds(code.ExpiresIn ?? 300);
        tell(new LoginPrompt.EnterCode(code.UserCode, code.VerificationUri, code.VerificationUriComplete ?? code.VerificationUri, time.GetUtcNow() + lifetime));
        return await PollAsync(http, discovery, issuer, code, lifetime, time, cancellationToken).ConfigureAwait(false);
    }

    private static async Task<IssuedLogin> PollAsync(
        HttpClient http, DiscoveryDocumentResponse discovery, LoginIssuer issuer, DeviceAuthorizationResponse code,
        TimeSpan lifetime, TimeProvider time, CancellationToken cancellationToken)
    {
        var interval = code.Interval > 0 ? TimeSpan.FromSeconds(code.Interval) : FiveSeconds;

        // By the monotonic clock: a machine that was just started sets the other one in the middle of its first login.
        var began = time.GetTimestamp();
        while (time.GetElapsedTime(began) < lifetime)
        {
            await Task.Delay(interval, time, cancellationToken).ConfigureAwait(false);
            using var poll = new DeviceTokenRequest
            {
                Address = discovery.TokenEndpoint,
                ClientId = issuer.ClientId,
                ClientCredentialStyle = ClientCredentialStyle.PostBody,
                DeviceCode = code.DeviceCode!,
            };
            var answer = await http.RequestDeviceTokenAsync(poll, cancellationToken).ConfigureAwait(false);
            if (!answer.IsError && answer.IdentityToken is { Length: > 0 } idToken)
            {
                return new IssuedLogin(idToken, answer.RefreshToken);
            }

            switch (answer.Error)
            {
                case OidcConstants.TokenErrors.AuthorizationPending:
                    break;
                case OidcConstants.TokenErrors.SlowDown:
                    interval += FiveSeconds;
                    break;
                case OidcConstants.TokenErrors.AccessDenied:
                    throw new LoginException("The login was refused on the other device.");
                case OidcConstants.TokenErrors.ExpiredToken:
                    throw new LoginException("The code ran out before it was used. Run the command again.");
                default:
                    if (answer.ErrorType is ResponseErrorType.Exception)
                    {
                        // RFC 8628 section 3.5: on a connection timeout slow down and go on.
                        interval += FiveSeconds;
                        break;
                    }

                    throw new LoginException($"The login at {issuer.Issuer} failed: {OidcWords.Of(answer.Error, answer.ErrorDescription)}");
            }
        }

        throw new LoginException("The code ran out before it was used. Run the command again.");
    }
}
