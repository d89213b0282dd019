using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Authentication;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Users;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Identity.Embedded;

/// <summary>Name and password, the change of a first password, and the second factor.</summary>
internal sealed class LoginPages(
    IConfigurationStore store, EmbeddedLogin login, LoginTicket tickets, SecondFactor secondFactor, IAntiforgery antiforgery)
{
    public const string LoginPath = "/idp/login";
    public const string PasswordPath = "/idp/password";
    public const string CodePath = "/idp/code";

    private const string PasswordStep = "password";
    private const string CodeStep = "code";

    // Where a login may lead: nowhere but the pages that ask for one.
    private static readonly string[] Destinations = ["/idp/authorize?", "/idp/device?", "/idp/device", "/login?", AccountPages.Path];

    /// <summary>Sends the browser to log in and back to <paramref name="destination"/>.</summary>
    public static IResult Ask(string destination)
        => Results.Redirect($"{LoginPath}?return={Uri.EscapeDataString(destination)}");

    public void Map(IEndpointRouteBuilder app)
    {
        app.MapGet(LoginPath, (HttpContext context) => store.Current.HasLogins
            ? ShowLogin(context, context.Request.Query["return"])
            : ShowFirstStep(context, context.Request.Query["return"]));
        app.MapPost(LoginPath, (Delegate)LoginAsync).LimitAttempts();
        app.MapPost(PasswordPath, (Delegate)ChangePasswordAsync).LimitAttempts();
        app.MapPost(CodePath, (Delegate)CheckCodeAsync).LimitAttempts();
    }

    private static string? Checked(string? destination)
        => destination is not null
            && Array.Exists(Destinations, allowed => allowed.EndsWith('?')
                ? destination.StartsWith(allowed, StringComparison.Ordinal)
                : destination == allowed)
            ? destination
            : null;

    private static string AddressOf(HttpContext context) => context.Connection.RemoteIpAddress?.ToString() ?? "";

    private static IResult Finish(string? destination) => Results.Redirect(Checked(destination) ?? "/");

    private async Task<IFormCollection?> ReadFormAsync(HttpContext context)
        => context.Request.HasFormContentType && await antiforgery.IsRequestValidAsync(context)
            ? await context.Request.ReadFormAsync(context.RequestAborted)
            : null;

    private async Task<IResult> LoginAsync(HttpContext context)
    {
        if (await ReadFormAsync(context) is not { } form)
        {
            return ShowLogin(context, context.Request.Query["return"], "This page was open too long. Please try again.", 400);
        }

        var (username, password, destination) = (form["username"].ToString(), form["password"].ToString(), form["return"].ToString());
        var outcome = await login.CheckPasswordAsync(username, password, AddressOf(context), context.RequestAborted);
        return outcome switch
        {
            LoginOutcome.Passed passed => await SignInAsync(context, passed.User.Id, destination),
            LoginOutcome.MustChange change => ShowPassword(context, tickets.Issue(change.User.Id, PasswordStep), destination),
            LoginOutcome.NeedsCode code => ShowCode(context, tickets.Issue(code.User.Id, CodeStep), destination),
            LoginOutcome.Locked locked => ShowLogin(
                context, destination, $"Too many attempts. Try again in {Math.Ceiling(locked.Wait.TotalMinutes):0} min.", 429, username),
            _ => ShowLogin(context, destination, "Name or password is wrong.", 401, username),
        };
    }

    private async Task<IResult> ChangePasswordAsync(HttpContext context)
    {
        if (await ReadFormAsync(context) is not { } form || tickets.Read(form["ticket"], PasswordStep) is not { } id)
        {
            return ShowLogin(context, null, "This page was open too long. Please log in again.", 400);
        }

        var (first, second, destination) = (form["new_password"].ToString(), form["repeated"].ToString(), form["return"].ToString());
        var problem = first != second ? "The two entries differ." : PasswordHashing.Objection(first);
        if (problem is not null)
        {
            return ShowPassword(context, form["ticket"].ToString(), destination, problem, 422);
        }

        if (!await login.ChangePasswordAsync(id, first, AddressOf(context), context.RequestAborted))
        {
            return ShowLogin(context, destination, "Please log in again.", 401);
        }

        // The second factor, where there is one, comes after the change as it does after a password.
        return secondFactor.IsRequired(id)
            ? ShowCode(context, tickets.Issue(id, CodeStep), destination)
            : await SignInAsync(context, id, destination);
    }

    private async Task<IResult> CheckCodeAsync(HttpContext context)
    {
        if (await ReadFormAsync(context) is not { } form || tickets.Read(form["ticket"], CodeStep) is not { } id)
        {
            return ShowLogin(context, null, "This page was open too long. Please log in again.", 400);
        }

        var destination = form["return"].ToString();
        if (await secondFactor.TryUseAsync(id, form["code"].ToString(), context.RequestAborted))
        {
            return await SignInAsync(context, id, destination);
        }

        await login.CountFailureAsync(id, AddressOf(context), context.RequestAborted);
        return secondFactor.IsLocked(id)
            ? ShowLogin(context, destination, "Too many attempts. Try again later.", 429)
            : ShowCode(context, form["ticket"].ToString(), destination, "The code is wrong or was used before.", 401);
    }

    private async Task<IResult> SignInAsync(HttpContext context, UserId id, string? destination)
    {
        if (await login.CompleteAsync(id, AddressOf(context), context.RequestAborted) is not { } user)
        {
            return ShowLogin(context, destination, "Name or password is wrong.", 401);
        }

        // A session that existed before the login is never the one after it (fixation).
        await context.SignOutAsync(IdpSession.Scheme);
        await IdpSession.SignInAsync(context, user);
        return Finish(destination);
    }

    /// <summary>A fresh account: a form that nobody can fill in would leave whoever set it up guessing.</summary>
    private static IResult ShowFirstStep(HttpContext context, string? destination)
        => IdpPage.Show(
            context,
            "Nobody can log in yet",
            $"""
            <p>Make yourself the owner, on the machine that this control plane runs on:</p>
            <p><code>netbird-controlplane user create you@example.com --role owner</code></p>
            <p>It prints a password for the first login. Then <a href="{IdpPage.Text(Checked(destination) ?? "/")}">log in</a>.</p>
            """);

    private IResult ShowLogin(HttpContext context, string? destination, string? problem = null, int status = 200, string username = "")
        => IdpPage.Show(
            context,
            "Log in",
            $"""
            <form method="post" action="{LoginPath}">{Fields(context, destination)}
            <label for="u">E-mail</label><input id="u" name="username" inputmode="email" autocapitalize="none" autocomplete="username" required{(username.Length == 0 ? " autofocus" : "")} value="{IdpPage.Text(username)}">
            <label for="p">Password</label><input id="p" name="password" type="password" autocomplete="current-password" required{(username.Length == 0 ? "" : " autofocus")}>
            <button>Log in</button></form>
            """,
            problem,
            status);

    private IResult ShowPassword(HttpContext context, string ticket, string? destination, string? problem = null, int status = 200)
        => IdpPage.Show(
            context,
            "Choose a new password",
            $"""
            <p>Yours was set by someone else. At least {PasswordHashing.MinLength} characters.</p>
            <form method="post" action="{PasswordPath}">{Fields(context, destination)}{IdpPage.Hidden("ticket", ticket)}
            <label for="n">New password</label><input id="n" name="new_password" type="password" autocomplete="new-password" required autofocus>
            <label for="r">Once more</label><input id="r" name="repeated" type="password" autocomplete="new-password" required>
            <button>Save and log in</button></form>
            """,
            problem,
            status);

    private IResult ShowCode(HttpContext context, string ticket, string? destination, string? problem = null, int status = 200)
        => IdpPage.Show(
            context,
            "Second factor",
            $"""
            <p>The six digits that your authenticator app shows, or one of your recovery codes.</p>
            <form method="post" action="{CodePath}">{Fields(context, destination)}{IdpPage.Hidden("ticket", ticket)}
            <label for="c">Code</label><input id="c" name="code" autocomplete="one-time-code" required autofocus>
            <button>Log in</button></form>
            <p class="back">Lost both? An administrator can take the app off, under People.</p>
            """,
            problem,
            status);

    private string Fields(HttpContext context, string? destination)
        => IdpPage.Token(antiforgery, context) + IdpPage.Hidden("return", Checked(destination));
}
