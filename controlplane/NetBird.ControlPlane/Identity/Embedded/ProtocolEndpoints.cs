using System.Collections.Immutable;
using System.Globalization;
using System.Security.Claims;
using Microsoft.AspNetCore;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Authentication;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Users;
using OpenIddict.Abstractions;
using OpenIddict.Server.AspNetCore;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace NetBird.ControlPlane.Identity.Embedded;

/// <summary>
/// The endpoints whose answer depends on a person. OpenIddict has checked the request (client, redirect, PKCE, code)
/// before it comes here, and writes the answer after.
/// </summary>
internal sealed class ProtocolEndpoints(IConfigurationStore store, IAntiforgery antiforgery)
{
    public const string AuthorizePath = "/idp/authorize";
    public const string TokenPath = "/idp/token";
    public const string DeviceAuthorizationPath = "/idp/device_authorization";
    public const string DevicePath = "/idp/device";
    public const string UserInfoPath = "/idp/userinfo";
    public const string LogoutPath = "/idp/logout";
    public const string RevokePath = "/idp/revoke";
    public const string KeysPath = "/idp/keys";
    private const string DonePath = "/idp/done";
    private const string ConnectedPath = DonePath + "/connected";
    private const string RefusedPath = DonePath + "/refused";

    private const string Server = OpenIddictServerAspNetCoreDefaults.AuthenticationScheme;

    public void Map(IEndpointRouteBuilder app)
    {
        app.MapMethods(AuthorizePath, [HttpMethods.Get, HttpMethods.Post], (Delegate)AuthorizeAsync);
        app.MapPost(TokenPath, (Delegate)ExchangeAsync);
        app.MapMethods(UserInfoPath, [HttpMethods.Get, HttpMethods.Post], (Delegate)UserInfoAsync);
        app.MapMethods(LogoutPath, [HttpMethods.Get, HttpMethods.Post], (Delegate)LogoutAsync);
        app.MapGet(DevicePath, (Delegate)ShowDeviceAsync);
        app.MapPost(DevicePath, (Delegate)ConfirmDeviceAsync).LimitAttempts();
        app.MapGet(DonePath, (HttpContext context) => IdpPage.Show(
            context, "Logged out", "<p>You can close this page.</p>"));
        app.MapGet(ConnectedPath, (HttpContext context) => IdpPage.Show(
            context, "The machine is connected", "<p>You can close this page and go back to its terminal.</p>"));
        app.MapGet(RefusedPath, (HttpContext context) => IdpPage.Show(
            context, "The machine was refused", "<p>It got nothing, and its code is of no use any more. You can close this page.</p>"));
    }

    private static OpenIddictRequest RequestOf(HttpContext context)
        => context.GetOpenIddictServerRequest() ?? throw new InvalidOperationException("OpenIddict has not seen this request.");

    private static IResult Refuse(string error, string description)
        => Results.Forbid(
            new AuthenticationProperties(new Dictionary<string, string?>
            {
                [OpenIddictServerAspNetCoreConstants.Properties.Error] = error,
                [OpenIddictServerAspNetCoreConstants.Properties.ErrorDescription] = description,
            }),
            [Server]);

    private async Task<IResult> AuthorizeAsync(HttpContext context)
    {
        var request = RequestOf(context);
        var session = await IdpSession.CurrentAsync(context);
        var now = context.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow();
        var tooOld = session is { } known && request.MaxAge is { } maxAge && now - known.At > TimeSpan.FromSeconds(maxAge);
        if (session is null || tooOld || request.HasPromptValue(PromptValues.Login) || request.HasPromptValue(PromptValues.SelectAccount))
        {
            if (request.HasPromptValue(PromptValues.None))
            {
                return Refuse(Errors.LoginRequired, "Nobody is logged in.");
            }

            // The way back asks the same, but for the prompt that this login answers and an age that it makes new.
            await context.SignOutAsync(IdpSession.Scheme);
            var query = QueryString.Create(request.GetParameters()
                .Where(parameter => parameter.Key is not (Parameters.Prompt or Parameters.MaxAge))
                .Select(parameter => KeyValuePair.Create(parameter.Key, (string?)parameter.Value)));
            return LoginPages.Ask(AuthorizePath + query);
        }

        return Results.SignIn(
            IdpClaims.PrincipalOf(session.Value.User, store.Current, request.GetScopes(), session.Value.At), authenticationScheme: Server);
    }

    private async Task<IResult> ExchangeAsync(HttpContext context)
    {
        var request = RequestOf(context);
        if (!request.IsAuthorizationCodeGrantType() && !request.IsRefreshTokenGrantType() && !request.IsDeviceCodeGrantType())
        {
            return Refuse(Errors.UnsupportedGrantType, "This grant is not offered.");
        }

        var granted = (await context.AuthenticateAsync(Server)).Principal;
        if (PersonOf(granted) is not { } user || granted is null)
        {
            return Refuse(Errors.InvalidGrant, "The person was removed or is disabled.");
        }

        // Name and groups as they are now, not as they were at the login.
        var principal = IdpClaims.PrincipalOf(user, store.Current, granted.GetScopes(), AuthenticatedAt(granted));
        principal.SetAuthorizationId(granted.GetAuthorizationId());
        return Results.SignIn(principal, authenticationScheme: Server);
    }

    private async Task<IResult> UserInfoAsync(HttpContext context)
    {
        var token = (await context.AuthenticateAsync(Server)).Principal;
        if (token is null || PersonOf(token) is not { } user)
        {
            return Results.Challenge(
                new AuthenticationProperties(new Dictionary<string, string?>
                {
                    [OpenIddictServerAspNetCoreConstants.Properties.Error] = Errors.InvalidToken,
                    [OpenIddictServerAspNetCoreConstants.Properties.ErrorDescription] = "The person was removed or is disabled.",
                }),
                [Server]);
        }

        var configuration = store.Current;
        var claims = new Dictionary<string, object> { [Claims.Subject] = user.Subject };
        if (token.HasScope(Scopes.Profile))
        {
            claims[Claims.Name] = user.Name.Length > 0 ? user.Name : user.Email;
            claims[Claims.PreferredUsername] = user.Email;
        }

        if (token.HasScope(Scopes.Email) && user.Email.Length > 0)
        {
            claims[Claims.Email] = user.Email;
            claims[Claims.EmailVerified] = true;
        }

        if (token.HasScope(IdpClaims.Groups))
        {
            claims[IdpClaims.Groups] = configuration.GroupsOf(user).Select(id => configuration.Groups[id].Name).ToArray();
        }

        return Results.Json(claims);
    }

    private static async Task<IResult> LogoutAsync(HttpContext context)
    {
        await IdpSession.EndAsync(context);
        return Results.SignOut(new AuthenticationProperties { RedirectUri = DonePath }, [Server]);
    }

    private async Task<IResult> ShowDeviceAsync(HttpContext context)
    {
        var request = RequestOf(context);
        if (await IdpSession.CurrentAsync(context) is not { } session)
        {
            return LoginPages.Ask(string.IsNullOrEmpty(request.UserCode)
                ? DevicePath
                : $"{DevicePath}?user_code={Uri.EscapeDataString(request.UserCode)}");
        }

        var asked = await context.AuthenticateAsync(Server);
        return asked.Succeeded && asked.Principal.GetClaim(Claims.ClientId) is not null
            ? ShowConfirm(context, session.User, request.UserCode ?? "")
            : ShowCodeEntry(context, string.IsNullOrEmpty(request.UserCode) ? null : "This code is wrong or has expired.");
    }

    private async Task<IResult> ConfirmDeviceAsync(HttpContext context)
    {
        var request = RequestOf(context);
        if (await IdpSession.CurrentAsync(context) is not { } session || !await antiforgery.IsRequestValidAsync(context))
        {
            return LoginPages.Ask(DevicePath);
        }

        var asked = await context.AuthenticateAsync(Server);
        if (!asked.Succeeded || asked.Principal.GetClaim(Claims.ClientId) is null)
        {
            return ShowCodeEntry(context, "This code is wrong or has expired.");
        }

        var form = await context.Request.ReadFormAsync(context.RequestAborted);
        switch (form["answer"].ToString())
        {
            case "yes":
                var principal = IdpClaims.PrincipalOf(session.User, store.Current, asked.Principal.GetScopes(), session.At);
                return Results.SignIn(principal, new AuthenticationProperties { RedirectUri = ConnectedPath }, Server);
            case "no":
                return Results.Forbid(new AuthenticationProperties { RedirectUri = RefusedPath }, [Server]);
            default:
                return ShowConfirm(context, session.User, request.UserCode ?? "");
        }
    }

    private User? PersonOf(ClaimsPrincipal? principal)
        => principal?.GetClaim(Claims.Subject) is { } subject
            && store.Current.FindUser(User.EmbeddedIssuer, subject) is { Status: UserStatus.Active } user ? user : null;

    private static DateTimeOffset? AuthenticatedAt(ClaimsPrincipal principal)
        => long.TryParse(principal.GetClaim(Claims.AuthenticationTime), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            ? DateTimeOffset.FromUnixTimeSeconds(seconds)
            : null;

    private static IResult ShowCodeEntry(HttpContext context, string? problem)
        => IdpPage.Show(
            context,
            "Connect a machine",
            $"""
            <p>Type the code that the machine shows.</p>
            <form method="get" action="{DevicePath}">
            <label for="c">Code</label><input id="c" name="user_code" autocomplete="off" autocapitalize="characters" required autofocus>
            <button>Next</button></form>
            """,
            problem,
            problem is null ? 200 : 400);

    private IResult ShowConfirm(HttpContext context, User user, string code)
        => IdpPage.Show(
            context,
            "Connect this machine?",
            $"""
            <p>It will use Claude Code as {IdpPage.Text(user.DisplayName())}. Go on only if the machine in front of you
            shows this code, and nobody sent it to you.</p><p class="code">{IdpPage.Text(code)}</p>
            <form method="post" action="{DevicePath}">{IdpPage.Token(antiforgery, context)}
            {IdpPage.Hidden("user_code", code)}
            <button name="answer" value="yes">Connect</button>
            <button name="answer" value="no" class="quiet">Refuse</button></form>
            """);
}
