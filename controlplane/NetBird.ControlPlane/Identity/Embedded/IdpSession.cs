using System.Globalization;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using NetBird.ControlPlane.Dashboard.Viewing;
using NetBird.ControlPlane.Identity.Web;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Users;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Identity.Embedded;

/// <summary>
/// The browser's session at the embedded IdP: a cookie that names the person and their password of that time. It is
/// checked against the store at every use, so being disabled, a new password and a sign-out end it, and every copy of the cookie.
/// </summary>
internal static class IdpSession
{
    public const string Scheme = "idp";

    private const string StampClaim = "stamp";
    private const string SessionClaim = "session";

    // Ours: a working day without a second login.
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(10);

    public static AuthenticationBuilder AddIdpSession(this AuthenticationBuilder authentication, bool secure)
        => authentication.AddCookie(Scheme, cookie =>
        {
            cookie.Cookie.Name = secure ? "__Host-netbird-idp" : "netbird-idp";
            cookie.Cookie.HttpOnly = true;
            cookie.Cookie.SameSite = SameSiteMode.Lax;
            cookie.Cookie.SecurePolicy = secure ? CookieSecurePolicy.Always : CookieSecurePolicy.SameAsRequest;
            cookie.ExpireTimeSpan = Lifetime;
            cookie.SlidingExpiration = false;
        });

    public static Task SignInAsync(HttpContext context, User user)
        => context.SignInAsync(Scheme, new ClaimsPrincipal(new ClaimsIdentity(
            [new("sub", user.Id.Value), new(StampClaim, StampOf(user)), new(SessionClaim, SessionId.New().Value)], Scheme)));

    /// <summary>Signs out: here, and whoever has a copy of the cookie.</summary>
    public static async Task EndAsync(HttpContext context)
    {
        if (await CurrentAsync(context) is { } current)
        {
            await context.RequestServices.GetRequiredService<EndedSessions>()
                .EndAsync(current.User, context.Connection.RemoteIpAddress?.ToString() ?? "", current.Session);
        }

        await context.SignOutAsync(Scheme);
    }

    /// <summary>Who is signed in, when they signed in, and by which session; null for nobody.</summary>
    public static async Task<(User User, DateTimeOffset At, ViewerSession Session)?> CurrentAsync(HttpContext context)
    {
        var result = await context.AuthenticateAsync(Scheme);
        if (!result.Succeeded
            || !UserId.TryParse(result.Principal.FindFirstValue("sub"), out var id)
            || result.Properties is not { IssuedUtc: { } at, ExpiresUtc: { } until }
            || !SessionId.TryParse(result.Principal.FindFirstValue(SessionClaim), out var session)
            || context.RequestServices.GetRequiredService<EndedSessions>().Has(session))
        {
            return null;
        }

        var store = context.RequestServices.GetRequiredService<IConfigurationStore>();
        return store.Current.Users.TryGetValue(id, out var user)
            && user is { Status: UserStatus.Active, Credential: not null }
            && CryptographicOperations.FixedTimeEquals(
                Encoding.ASCII.GetBytes(StampOf(user)), Encoding.ASCII.GetBytes(result.Principal.FindFirstValue(StampClaim) ?? ""))
            ? (user, at, new(session, until))
            : null;
    }

    private static string StampOf(User user)
        => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(
            CultureInfo.InvariantCulture, $"{user.Id}|{user.Credential?.PasswordHash}|{user.Credential?.SealedTotpSecret}"))))[..32];
}
