using System.Globalization;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Users;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Identity.Embedded;

/// <summary>
/// The browser's session at the embedded IdP: a cookie that names the person and their password of that time. It is
/// checked against the store at every use, so being disabled or a new password ends it.
/// </summary>
internal static class IdpSession
{
    public const string Scheme = "idp";

    private const string StampClaim = "stamp";

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
            [new("sub", user.Id.Value), new(StampClaim, StampOf(user))], Scheme)));

    /// <summary>Who is signed in and when they signed in; null for nobody.</summary>
    public static async Task<(User User, DateTimeOffset At)?> CurrentAsync(HttpContext context)
    {
        var result = await context.AuthenticateAsync(Scheme);
        if (!result.Succeeded
            || !UserId.TryParse(result.Principal.FindFirstValue("sub"), out var id)
            || result.Properties.IssuedUtc is not { } at)
        {
            return null;
        }

        var store = context.RequestServices.GetRequiredService<IConfigurationStore>();
        return store.Current.Users.TryGetValue(id, out var user)
            && user is { Status: UserStatus.Active, Credential: not null }
            && CryptographicOperations.FixedTimeEquals(
                Encoding.ASCII.GetBytes(StampOf(user)), Encoding.ASCII.GetBytes(result.Principal.FindFirstValue(StampClaim) ?? ""))
            ? (user, at)
            : null;
    }

    private static string StampOf(User user)
        => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(
            CultureInfo.InvariantCulture, $"{user.Id}|{user.Credential?.PasswordHash}|{user.Credential?.SealedTotpSecret}"))))[..32];
}
