using System.Collections.Concurrent;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Tokens;
using NetBird.ControlPlane.Users;
using NetBird.Primitives;

namespace NetBird.ControlPlane.AdminApi;

/// <summary>Recognises callers of the admin API. Whoever cannot be recognised is nobody.</summary>
internal sealed class AdminAuthentication(
    IConfigurationStore store, TokenUse use, TimeProvider time, IEnumerable<IAdminSession> sessions)
{
    /// <summary>The caller, or null.</summary>
    public AdminCaller? Recognise(HttpContext http)
    {
        var address = http.Connection.RemoteIpAddress?.ToString() ?? "";
        if (http.Request.Headers.Authorization is { Count: > 0 } authorization)
        {
            return authorization.Count == 1 ? ByToken(authorization[0] ?? "", address) : null;
        }

        foreach (var session in sessions)
        {
            if (session.UserOf(http) is { } id && Active(id) is { } user)
            {
                return new(user, store.Current.RoleOf(user), null, address);
            }
        }

        return null;
    }

    private AdminCaller? ByToken(string authorization, string address)
    {
        var space = authorization.IndexOf(' ', StringComparison.Ordinal);
        if (space < 0
            || !(authorization.AsSpan(0, space).Equals("Token", StringComparison.OrdinalIgnoreCase)
                || authorization.AsSpan(0, space).Equals("Bearer", StringComparison.OrdinalIgnoreCase)))
        {
            return null;
        }

        var secret = authorization[(space + 1)..].Trim();
        if (!SecretHash.IsWellFormed(secret, SecretHash.AccessTokenPrefix)
            || store.Current.FindToken(SecretHash.Of(secret)) is not { } token
            || token.ExpiresAt <= time.GetUtcNow()
            || Active(token.User) is not { } user)
        {
            return null;
        }

        use.Note(token.Id);
        return new(user, store.Current.RoleOf(user), token, address);
    }

    private User? Active(UserId id)
        => store.Current.Users.GetValueOrDefault(id) is { Status: UserStatus.Active } user ? user : null;
}

/// <summary>Signed-in browser sessions; the dashboard has one.</summary>
internal interface IAdminSession
{
    /// <summary>
    /// Whose session the request belongs to, or null. Implementations refuse cross-site requests themselves: a cookie
    /// alone does not show that the person meant the call.
    /// </summary>
    UserId? UserOf(HttpContext http);
}
