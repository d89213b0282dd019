using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace NetBird.ControlPlane.Identity.Tokens;

/// <summary>
/// Checks ID tokens as OpenID Connect Core section 3.1.3.7 says: signature by a key the issuer publishes, issuer,
/// audience, time. Algorithms are listed, so neither <c>none</c> nor an HMAC under a public key gets through.
/// </summary>
internal sealed class IdTokenChecks
{
    // Ours: what badly kept clocks differ by; the same allowance as most relying parties give.
    private static readonly TimeSpan Skew = TimeSpan.FromMinutes(5);

    // Bytes. A token with a thousand groups is 40 KiB; nothing honest is larger.
    private const int LargestToken = 128 * 1024;

    private static readonly TimeSpan LongestRefresh = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(50);

    private static readonly string[] Algorithms =
    [
        SecurityAlgorithms.RsaSha256, SecurityAlgorithms.RsaSha384, SecurityAlgorithms.RsaSha512,
        SecurityAlgorithms.RsaSsaPssSha256, SecurityAlgorithms.RsaSsaPssSha384, SecurityAlgorithms.RsaSsaPssSha512,
        SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.EcdsaSha384, SecurityAlgorithms.EcdsaSha512,
    ];

    private readonly JsonWebTokenHandler _handler = new() { MapInboundClaims = false, MaximumTokenSizeInBytes = LargestToken };
    private readonly TokenValidationParameters _parameters;
    private readonly BaseConfigurationManager _issuer;
    private readonly string _audience;
    private readonly TimeProvider _time;

    public IdTokenChecks(BaseConfigurationManager issuer, string audience, TimeProvider time)
    {
        (_issuer, _audience, _time) = (issuer, audience, time);
        _parameters = new()
        {
            ValidAlgorithms = Algorithms,
            ValidAudience = audience,
            ValidateIssuer = true,
            ValidateIssuerSigningKey = true,
            RequireSignedTokens = true,
            RequireExpirationTime = true,
            LifetimeValidator = (notBefore, expires, _, _) =>
            {
                var now = time.GetUtcNow().UtcDateTime;
                return expires is { } end && now < end + Skew && (notBefore is not { } start || now >= start - Skew);
            },
        };
    }

    /// <summary>The payload of a token that holds; the reason for one that does not.</summary>
    public async Task<(JsonElement Payload, TokenOutcome? Refusal)> CheckAsync(string token, CancellationToken cancellationToken)
    {
        if (token.Length > LargestToken || !_handler.CanReadToken(token) || Parse(token) is not { } parsed)
        {
            return (default, new TokenOutcome.Invalid("The ID token is not one."));
        }

        BaseConfiguration known;
        try
        {
            // Asked first, so that an IdP that cannot be reached is told from a token that is wrong.
            known = await _issuer.GetBaseConfigurationAsync(cancellationToken);
        }
        catch (Exception e) when (e is InvalidOperationException or IOException or HttpRequestException)
        {
            return (default, new TokenOutcome.Unknown("The identity provider cannot be reached."));
        }

        var result = await _handler.ValidateTokenAsync(token, With(known));
        if (!result.IsValid && HasUnknownKey(parsed, known))
        {
            // A key that the issuer rotated in: its keys are read again, at most as often as the manager allows.
            result = await _handler.ValidateTokenAsync(token, With(await RefreshAsync(known, cancellationToken)));
        }

        if (!result.IsValid)
        {
            return (default, new TokenOutcome.Invalid(Words(result.Exception)));
        }

        var read = (JsonWebToken)result.SecurityToken;
        var payload = JsonDocument.Parse(Base64UrlEncoder.DecodeBytes(read.EncodedPayload)).RootElement;

        // Section 3.1.3.7, rules 4 and 5: with several audiences, the party it was issued to must be us.
        if (read.Audiences.Count() > 1 && (!read.TryGetPayloadValue<string>("azp", out var party) || party != _audience))
        {
            return (default, new TokenOutcome.Invalid("The ID token was issued to another client."));
        }

        return read.Subject is { Length: > 0 and <= 255 }
            ? (payload, null)
            : (default, new TokenOutcome.Invalid("The ID token names nobody."));
    }

    /// <summary>
    /// What the issuer publishes now. The manager reads it behind the scenes and goes on answering with what it had, so
    /// this looks again until that changes, for as long as a login can wait.
    /// </summary>
    private async Task<BaseConfiguration> RefreshAsync(BaseConfiguration known, CancellationToken cancellationToken)
    {
        _issuer.RequestRefresh();
        var since = _time.GetTimestamp();
        var current = known;
        while (ReferenceEquals(current, known) && _time.GetElapsedTime(since) < LongestRefresh)
        {
            await Task.Delay(LookEvery, _time, cancellationToken);
            current = await _issuer.GetBaseConfigurationAsync(cancellationToken);
        }

        return current;
    }

    private static bool HasUnknownKey(JsonWebToken token, BaseConfiguration known)
        => token.Kid is { Length: > 0 } kid && known.SigningKeys.All(key => key.KeyId != kid);

    /// <summary>Null for text that only looks like a token: a claim of a wrong type, a payload that is no JSON.</summary>
    private static JsonWebToken? Parse(string token)
    {
        try
        {
            return new JsonWebToken(token);
        }
        catch (Exception e) when (e is ArgumentException or SecurityTokenException or JsonException or FormatException)
        {
            return null;
        }
    }

    private TokenValidationParameters With(BaseConfiguration configuration)
    {
        var parameters = _parameters.Clone();
        parameters.ValidIssuer = configuration.Issuer;
        parameters.IssuerSigningKeys = configuration.SigningKeys;
        return parameters;
    }

    // Never the exception's own text: it quotes the token.
    private static string Words(Exception? failure) => failure switch
    {
        SecurityTokenInvalidLifetimeException or SecurityTokenExpiredException or SecurityTokenNoExpirationException
            => "The ID token has expired, or the clocks differ by more than five minutes.",
        SecurityTokenInvalidAudienceException => "The ID token is for another client.",
        SecurityTokenInvalidIssuerException => "The ID token comes from another identity provider.",
        SecurityTokenInvalidAlgorithmException => "The ID token is signed in a way we do not accept.",
        _ => "The ID token's signature is wrong.",
    };
}
