using Microsoft.AspNetCore.Authentication;
using NetBird.ControlPlane.Dashboard.Viewing;
using NetBird.ControlPlane.Identity.Embedded;

namespace NetBird.ControlPlane.Identity.Web;

/// <summary>
/// Sign-in with the embedded IdP. Both are this process, so the IdP's own session is taken as it is: a round of
/// redirects and a token fetched from ourselves would prove nothing more.
/// </summary>
internal static class EmbeddedSignIn
{
    public static void MapEmbeddedSignIn(this IEndpointRouteBuilder app)
    {
        app.MapGet(WebSignIn.LoginPath, async (HttpContext context) =>
        {
            var destination = WebSignIn.Local(context.Request.Query["return"]);
            if (await IdpSession.CurrentAsync(context) is not { } session)
            {
                return LoginPages.Ask($"{WebSignIn.LoginPath}?return={Uri.EscapeDataString(destination)}");
            }

            await WebSignIn.SignInAsync(context, session.User);
            return Results.Redirect(destination);
        });
        app.MapPost(WebSignIn.LogoutPath, async (HttpContext context) =>
        {
            await WebSignIn.SignOutAsync(context, await IdpSession.CurrentAsync(context) is { } atIdp ? (atIdp.User, atIdp.Session) : null);
            await context.SignOutAsync(IdpSession.Scheme);
            return WebSignIn.ShowSignedOut(context);
        });
        app.MapGet(WebSignIn.LogoutPath, (Delegate)WebSignIn.ShowWhetherSignedOutAsync);
    }
}
