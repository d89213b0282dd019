using System.Collections.Immutable;
using System.Security.Claims;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Users;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace NetBird.ControlPlane.Identity.Embedded;

/// <summary>What the embedded IdP says of a person in a token, by the scopes asked for.</summary>
internal static class IdpClaims
{
    public const string Groups = "groups";

    /// <summary>The principal from which OpenIddict makes tokens.</summary>
    public static ClaimsPrincipal PrincipalOf(
        User user, Configuration configuration, ImmutableArray<string> scopes, DateTimeOffset? authenticatedAt)
    {
        var identity = new ClaimsIdentity("idp", Claims.Name, Claims.Role);
        identity.SetClaim(Claims.Subject, user.Subject);
        identity.SetClaim(Claims.Name, user.Name.Length > 0 ? user.Name : user.Email);
        identity.SetClaim(Claims.PreferredUsername, user.Email);
        if (authenticatedAt is { } at)
        {
            identity.SetClaim(Claims.AuthenticationTime, at.ToUnixTimeSeconds());
        }

        if (scopes.Contains(Scopes.Email) && user.Email.Length > 0)
        {
            identity.SetClaim(Claims.Email, user.Email);
            identity.SetClaim(Claims.EmailVerified, true);
        }

        if (scopes.Contains(Groups))
        {
            identity.SetClaims(Groups, [.. configuration.GroupsOf(user).Select(id => configuration.Groups[id].Name)]);
        }

        identity.SetScopes(scopes);
        identity.SetDestinations(static claim => claim.Type == Claims.Subject
            ? [Destinations.AccessToken, Destinations.IdentityToken]
            : [Destinations.IdentityToken]);
        return new ClaimsPrincipal(identity);
    }
}
