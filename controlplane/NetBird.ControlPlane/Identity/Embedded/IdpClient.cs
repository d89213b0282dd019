using System.Collections.Immutable;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace NetBird.ControlPlane.Identity.Embedded;

/// <summary>A client of the embedded IdP. There are two, fixed in code: nothing registers at run time.</summary>
internal sealed record IdpClient(
    string Id,
    string DisplayName,
    string ApplicationType,
    ImmutableArray<string> RedirectUris,
    ImmutableArray<string> PostLogoutRedirectUris,
    ImmutableArray<string> Permissions)
{
    public const string AgentId = "netbird-agent";
    public const string DashboardId = "netbird-dashboard";

    private static readonly ImmutableArray<string> Common =
    [
        OpenIddict.Abstractions.OpenIddictConstants.Permissions.Endpoints.Authorization,
        OpenIddict.Abstractions.OpenIddictConstants.Permissions.Endpoints.Token,
        OpenIddict.Abstractions.OpenIddictConstants.Permissions.Endpoints.Revocation,
        OpenIddict.Abstractions.OpenIddictConstants.Permissions.Endpoints.EndSession,
        OpenIddict.Abstractions.OpenIddictConstants.Permissions.GrantTypes.AuthorizationCode,
        OpenIddict.Abstractions.OpenIddictConstants.Permissions.GrantTypes.RefreshToken,
        OpenIddict.Abstractions.OpenIddictConstants.Permissions.ResponseTypes.Code,
    ];

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
            .. Common,
            OpenIddict.Abstractions.OpenIddictConstants.Permissions.Endpoints.DeviceAuthorization,
            OpenIddict.Abstractions.OpenIddictConstants.Permissions.GrantTypes.DeviceCode,
        ]);

    public static IdpClient Dashboard(Uri publicUrl) => new(
        DashboardId,
        "NetBird dashboard",
        ApplicationTypes.Web,
        [new Uri(publicUrl, "/signin-oidc").AbsoluteUri],
        [new Uri(publicUrl, "/signout-callback-oidc").AbsoluteUri, publicUrl.AbsoluteUri],
        Common);
}
