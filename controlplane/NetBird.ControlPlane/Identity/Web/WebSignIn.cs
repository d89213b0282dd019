using System.Globalization;
using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using NetBird.ControlPlane.AdminApi;
using NetBird.ControlPlane.Dashboard.Viewing;
using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Identity.Embedded;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Users;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Identity.Web;

/// <summary>
/// Sign-in to the pages: a cookie that says who, never what they may do. Whether the person is active and which role
/// they have is looked up at every request.
/// </summary>
internal static class WebSignIn
{
    public const string LoginPath = "/login";
    public const string LogoutPath = "/logout";

    // Ours: a working day.
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(10);

    public static void AddWebSignIn(this IServiceCollection services, AuthenticationBuilder authentication, ServeOptions options)
    {
        authentication.AddCookie(DashboardAccess.Scheme, cookie =>
        {
            var secure = options.Tls is not null;
            cookie.Cookie.Name = secure ? "__Host-netbird" : "netbird";
            cookie.Cookie.HttpOnly = true;
            cookie.Cookie.SameSite = SameSiteMode.Lax;
            cookie.Cookie.SecurePolicy = secure ? CookieSecurePolicy.Always : CookieSecurePolicy.SameAsRequest;
            cookie.ExpireTimeSpan = Lifetime;
            cookie.SlidingExpiration = false;
            cookie.LoginPath = LoginPath;
            cookie.ReturnUrlParameter = "return";
            cookie.Events.OnSigningIn = context =>
            {
                // An open page outlives the request that it came by: it needs to know which session it is of, and until when.
                context.Principal?.AddIdentity(new(
                [
                    new(DashboardAccess.SessionClaim, SessionId.New().Value),
                    new(DashboardAccess.UntilClaim, (context.Properties.ExpiresUtc ?? DateTimeOffset.MinValue).UtcTicks.ToString(CultureInfo.InvariantCulture)),
                ]));
                return Task.CompletedTask;
            };
            cookie.Events.OnValidatePrincipal = context =>
            {
                if (UserOf(context.HttpContext, context.Principal) is null
                    || Viewer.SessionOf(context.Principal) is not { } session
                    || context.HttpContext.RequestServices.GetRequiredService<EndedSessions>().Has(session.Id))
                {
                    context.RejectPrincipal();
                }

                return Task.CompletedTask;
            };
            cookie.Events.OnRedirectToAccessDenied = context =>
            {
                // Where everybody arrives: a developer's first page is their own.
                if (context.Request.Path == "/")
                {
                    context.Response.Redirect("/my-usage");
                    return Task.CompletedTask;
                }

                context.Response.StatusCode = StatusCodes.Status403Forbidden;
                return IdpPage.Show(
                    context.HttpContext,
                    "Not for you",
                    "<p>This page is for administrators. Your own figures are under <a href=\"/my-usage\">My usage</a>.</p>",
                    status: StatusCodes.Status403Forbidden).ExecuteAsync(context.HttpContext);
            };
        });
        services.AddAuthorizationBuilder()
            .AddPolicy(DashboardAccess.Read, policy => policy.AddAuthenticationSchemes(DashboardAccess.Scheme)
                .RequireAuthenticatedUser().AddRequirements(new RoleRequirement(Role.Auditor, Role.Admin, Role.Owner)))
            .AddPolicy(DashboardAccess.Change, policy => policy.AddAuthenticationSchemes(DashboardAccess.Scheme)
                .RequireAuthenticatedUser().AddRequirements(new RoleRequirement(Role.Admin, Role.Owner)));
        services.AddSingleton<Microsoft.AspNetCore.Authorization.IAuthorizationHandler, RoleRequirementHandler>();
        services.AddSingleton<IAdminSession, WebSession>();
        services.AddSingleton<EndedSessions>();
        services.AddHostedService(provider => provider.GetRequiredService<EndedSessions>());
    }

    /// <summary>Signs in at the pages and goes on to where the person wanted to go.</summary>
    public static async Task SignInAsync(HttpContext context, User user)
    {
        await context.SignOutAsync(DashboardAccess.Scheme);
        await context.SignInAsync(DashboardAccess.Scheme, PrincipalOf(user));
    }

    /// <summary>Ends the session: here, for every page of it that is open elsewhere, and for whoever has a copy of its cookie.</summary>
    /// <param name="context">The request that asks for it.</param>
    /// <param name="atIdp">The same person's session at the embedded IdP, which ends with it; null: none.</param>
    public static async Task SignOutAsync(HttpContext context, (User User, ViewerSession Session)? atIdp = null)
    {
        var result = await context.AuthenticateAsync(DashboardAccess.Scheme);
        var user = UserOf(context, result.Principal) ?? atIdp?.User;
        ViewerSession?[] sessions = [Viewer.SessionOf(result.Principal), atIdp?.Session];
        if (user is not null && sessions.OfType<ViewerSession>().ToList() is { Count: > 0 } ended)
        {
            await context.RequestServices.GetRequiredService<EndedSessions>()
                .EndAsync(user, context.Connection.RemoteIpAddress?.ToString() ?? "", ended);
        }

        await context.SignOutAsync(DashboardAccess.Scheme);
    }

    public static IResult ShowSignedOut(HttpContext context)
        => IdpPage.Show(context, "Signed out", "<p><a href=\"/\">Sign in again</a></p>");

    /// <summary>The same, for a browser that has been signed out; one that has not is led back.</summary>
    public static async Task<IResult> ShowWhetherSignedOutAsync(HttpContext context)
        => (await context.AuthenticateAsync(DashboardAccess.Scheme)).Succeeded ? Results.Redirect("/") : ShowSignedOut(context);

    /// <summary>The person behind a principal of the pages, if they are still active.</summary>
    public static User? UserOf(HttpContext context, ClaimsPrincipal? principal)
        => Viewer.Of(principal, context.RequestServices.GetRequiredService<IConfigurationStore>());

    /// <summary>A path of this site, or the front page.</summary>
    public static string Local(string? destination)
        => destination is ['/', ..] and not ['/', '/' or '\\', ..] && !destination.Any(char.IsControl) ? destination : "/";

    public static ClaimsPrincipal PrincipalOf(User user)
        => new(new ClaimsIdentity(
            [
                new(DashboardAccess.UserIdClaim, user.Id.Value),
                new(ClaimTypes.Name, user.DisplayName()),
            ],
            DashboardAccess.Scheme));
}
