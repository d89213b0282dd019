using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Identity.Embedded.Issued;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace NetBird.ControlPlane.Identity.Embedded;

/// <summary>
/// An OpenID provider for accounts that have none: OpenIddict with our people, our client and our pages.
/// Authorization code with PKCE, device code, rolling refresh tokens, revocation.
/// </summary>
internal static class EmbeddedIdp
{
    // RFC 6749 section 4.1.2: ten minutes at most; an agent redeems within seconds.
    private static readonly TimeSpan CodeLifetime = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan TokenLifetime = TimeSpan.FromMinutes(15);
    private static readonly TimeSpan RefreshLifetime = TimeSpan.FromDays(30);
    private static readonly TimeSpan DeviceLifetime = TimeSpan.FromMinutes(10);

    // A refresh answer that was lost may be asked for once more; later use revokes the whole chain.
    private static readonly TimeSpan RefreshLeeway = TimeSpan.FromSeconds(30);

    // 8 of 20 letters without vowels and look-alikes, 34 bits (RFC 8628 section 6.1): not guessed in ten minutes.
    private static readonly string[] UserCodeLetters = [.. "BCDFGHJKLMNPQRSTVWXZ".Select(letter => letter.ToString())];

    public static void AddEmbeddedIdp(this IServiceCollection services, bool secure, IdpKeys keys, PublicUrl url)
    {
        services.AddSingleton<EmbeddedLogin>();
        services.AddSingleton<LoginTicket>();
        services.AddSingleton<SecondFactor>();
        services.AddSingleton<LoginPages>();
        services.AddSingleton<AccountPages>();
        services.AddSingleton<ProtocolEndpoints>();
        services.AddHostedService<IssuedPruning>();
        services.AddOpenIddict()
            .AddCore(core => core
                .SetDefaultApplicationEntity<IdpClient>()
                .SetDefaultAuthorizationEntity<IssuedAuthorization>()
                .SetDefaultScopeEntity<IdpScope>()
                .SetDefaultTokenEntity<IssuedToken>()
                .ReplaceApplicationStore<IdpClient, IdpClientStore>(ServiceLifetime.Singleton)
                .ReplaceAuthorizationStore<IssuedAuthorization, AuthorizationStore>(ServiceLifetime.Singleton)
                .ReplaceScopeStore<IdpScope, IdpScopeStore>(ServiceLifetime.Singleton)
                .ReplaceTokenStore<IssuedToken, TokenStore>(ServiceLifetime.Singleton)

                // A cache would answer with a token that another process has redeemed.
                .DisableEntityCaching())
            .AddServer(server => Configure(server, secure, keys, url));
    }

    public static void MapEmbeddedIdp(this WebApplication app)
    {
        app.Services.GetRequiredService<LoginPages>().Map(app);
        app.Services.GetRequiredService<AccountPages>().Map(app);
        app.Services.GetRequiredService<ProtocolEndpoints>().Map(app);
    }

    private static void Configure(OpenIddictServerBuilder server, bool secure, IdpKeys keys, PublicUrl url)
    {
        server.SetIssuer(url.Value)
            .SetAuthorizationEndpointUris(ProtocolEndpoints.AuthorizePath)
            .SetTokenEndpointUris(ProtocolEndpoints.TokenPath)
            .SetDeviceAuthorizationEndpointUris(ProtocolEndpoints.DeviceAuthorizationPath)
            .SetEndUserVerificationEndpointUris(ProtocolEndpoints.DevicePath)
            .SetUserInfoEndpointUris(ProtocolEndpoints.UserInfoPath)
            .SetEndSessionEndpointUris(ProtocolEndpoints.LogoutPath)
            .SetRevocationEndpointUris(ProtocolEndpoints.RevokePath)
            .SetJsonWebKeySetEndpointUris(ProtocolEndpoints.KeysPath)
            .AllowAuthorizationCodeFlow()
            .AllowDeviceAuthorizationFlow()
            .AllowRefreshTokenFlow()
            .RequireProofKeyForCodeExchange()
            .RegisterScopes(Scopes.OpenId, Scopes.Profile, Scopes.Email, Scopes.OfflineAccess, IdpClaims.Groups)
            .RegisterClaims(Claims.Name, Claims.Email, Claims.EmailVerified, Claims.PreferredUsername, IdpClaims.Groups)
            .IgnoreScopePermissions()
            .SetAuthorizationCodeLifetime(CodeLifetime)
            .SetAccessTokenLifetime(TokenLifetime)
            .SetIdentityTokenLifetime(TokenLifetime)
            .SetRefreshTokenLifetime(RefreshLifetime)
            .SetRefreshTokenReuseLeeway(RefreshLeeway)
            .SetDeviceCodeLifetime(DeviceLifetime)
            .SetUserCodeLifetime(DeviceLifetime)
            .SetUserCodeCharset(UserCodeLetters)
            .SetUserCodeLength(8)
            .SetUserCodeDisplayFormat("{0}{1}{2}{3}-{4}{5}{6}{7}")
            .AddSigningKeys(keys.Signing)
            .AddEncryptionKey(keys.Encryption);

        // RFC 9700 section 2.1.1: the plain method protects nothing from whoever sees the request.
        server.Configure(options => options.CodeChallengeMethods.Remove(CodeChallengeMethods.Plain));

        var host = server.UseAspNetCore()
            .EnableAuthorizationEndpointPassthrough()
            .EnableTokenEndpointPassthrough()
            .EnableUserInfoEndpointPassthrough()
            .EnableEndSessionEndpointPassthrough()
            .EnableEndUserVerificationEndpointPassthrough()
            .EnableStatusCodePagesIntegration(); // ErrorPages
        if (!secure)
        {
            // Loopback alone is served without TLS.
            host.DisableTransportSecurityRequirement();
        }
    }
}
