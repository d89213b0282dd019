using System.Collections.Immutable;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace NetBird.ControlPlane.Identity.Embedded;

/// <summary>A client of the embedded IdP. There is one, fixed in code: nothing registers at run time; the pages take the IdP's own session.</summary>
internal sealed record IdpClient(
    string Id,
    string DisplayName,
    string ApplicationType,
    ImmutableArray<string> RedirectUris,
    ImmutableArray<string> PostLogoutRedirectUris,
    ImmutableArray<string> Permissions)
{
    public const string AgentId = "netbird-agent";

    /// <summary>
    /// The agent: a native app, so OpenIddict lets the port of a loopback redirect vary (RFC 8252 section 7.3).
    /// </summary>
    public static IdpClient Agent { get; } = new(
        AgentId,
        "NetBird Agent",
        ApplicationTypes.Native,
        ["http://127.0.0.1/callback", "http://127.0.0.1/", "http://[::1]/callback", "http://[::1]/", "http://localhost/callback", "http://localhost/"],
        ["http://127.0.0.1/", "http://127.0.0.1/callback"],
        [
            OpenIddict.Abstractions.OpenIddictConstants.Permissions.Endpoints.Authorization,
            OpenIddict.Abstractions.OpenIddictConstants.Permissions.Endpoints.Token,
            OpenIddict.Abstractions.OpenIddictConstants.Permissions.Endpoints.Revocation,
            OpenIddict.Abstractions.OpenIddictConstants.Permissions.Endpoints.EndSession,
            OpenIddict.Abstractions.OpenIddictConstants.Permissions.GrantTypes.AuthorizationCode,
            OpenIddict.Abstractions.OpenIddictConstants.Permissions.GrantTypes.RefreshToken,
            OpenIddict.Abstractions.OpenIddictConstants.Permissions.ResponseTypes.Code,
            OpenIddict.Abstractions.OpenIddictConstants.Permissions.Endpoints.DeviceAuthorization,
            OpenIddict.Abstractions.OpenIddictConstants.Permissions.GrantTypes.DeviceCode,
        ]);
}
