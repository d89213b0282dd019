using System.Collections.Immutable;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Antiforgery;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Users;
using NetBird.Primitives;
using OtpNet;
using QRCoder;

namespace NetBird.ControlPlane.Identity.Embedded;

/// <summary>
/// What people do about their own login: set an authenticator app up, get new recovery codes, take it off again. For
/// whoever logged in a moment ago; everybody else logs in first.
/// </summary>
internal sealed class AccountPages(
    IConfigurationStore store, EmbeddedLogin login, SecondFactor secondFactor, LoginTicket tickets, IAntiforgery antiforgery, TimeProvider time)
{
    public const string Path = "/idp/account";

    private const string AppPath = Path + "/app";
    private const string CodesPath = Path + "/codes";
    private const string RemovePath = Path + "/remove";
    private const string TicketStep = "app ";
    private const string Back = "<p class=\"back\"><a href=\"/\">Back to the pages</a></p>";

    // RFC 4226 section 4, R6: 160 bits are recommended.
    private const int SecretBytes = 20;

    // Ours: who walks away from an open browser does not give their second factor away.
    private static readonly TimeSpan Fresh = TimeSpan.FromMinutes(10);

    public void Map(IEndpointRouteBuilder app)
    {
        app.MapGet(Path, (Delegate)((HttpContext context) => WithPersonAsync(context, user => Task.FromResult(ShowAccount(context, user)))));
        app.MapGet(AppPath, (Delegate)((HttpContext context) => WithPersonAsync(context, user => Task.FromResult(ShowApp(context, user, NewSecret())))));
        app.MapPost(AppPath, (Delegate)((HttpContext context) => WithFormAsync(context, EnrolAsync))).LimitAttempts();
        app.MapPost(CodesPath, (Delegate)((HttpContext context) => WithFormAsync(context, RenewAsync))).LimitAttempts();
        app.MapPost(RemovePath, (Delegate)((HttpContext context) => WithFormAsync(context, RemoveAsync))).LimitAttempts();
    }

    private static string NewSecret() => Base32Encoding.ToString(RandomNumberGenerator.GetBytes(SecretBytes)).TrimEnd('=');

    private static string AddressOf(HttpContext context) => context.Connection.RemoteIpAddress?.ToString() ?? "";

    private async Task<IResult> WithPersonAsync(HttpContext context, Func<User, Task<IResult>> show)
        => await IdpSession.CurrentAsync(context) is { } session && time.GetUtcNow() - session.At < Fresh
            ? await show(session.User)
            : LoginPages.Ask(Path);

    private async Task<IResult> WithFormAsync(HttpContext context, Func<HttpContext, User, IFormCollection, Task<IResult>> act)
        => await WithPersonAsync(context, async user =>
            context.Request.HasFormContentType && await antiforgery.IsRequestValidAsync(context)
                ? await act(context, user, await context.Request.ReadFormAsync(context.RequestAborted))
                : ShowAccount(context, user, "This page was open too long. Please try again.", 400));

    private async Task<IResult> EnrolAsync(HttpContext context, User user, IFormCollection form)
    {
        // The ticket says that the secret is one of ours, made for this person a moment ago.
        var secret = form["secret"].ToString();
        if (tickets.Read(form["ticket"], TicketStep + secret) != user.Id)
        {
            return ShowApp(context, user, NewSecret(), "This page was open too long. Please scan the new code.", 400);
        }

        return await secondFactor.EnrolAsync(user.Id, Base32Encoding.ToBytes(secret), form["code"].ToString(), AddressOf(context), context.RequestAborted) is { } codes
            ? await ShowCodesAsync(context, user.Id, codes)
            : ShowApp(context, user, secret, "That is not the code which the app shows now. Is the telephone's clock right?", 422);
    }

    private Task<IResult> RenewAsync(HttpContext context, User user, IFormCollection form)
        => WithCodeAsync(context, user, form, async () =>
            await ShowCodesAsync(context, user.Id, await secondFactor.RenewCodesAsync(user.Id, AddressOf(context), context.RequestAborted)));

    private Task<IResult> RemoveAsync(HttpContext context, User user, IFormCollection form)
        => WithCodeAsync(context, user, form, async () =>
        {
            await secondFactor.RemoveAsync(user.Id, AddressOf(context), context.RequestAborted);
            return await SignedInAgainAsync(context, user.Id) is { } now ? ShowAccount(context, now) : LoginPages.Ask(Path);
        });

    private async Task<IResult> WithCodeAsync(HttpContext context, User user, IFormCollection form, Func<Task<IResult>> act)
    {
        if (await secondFactor.TryUseAsync(user.Id, form["code"].ToString(), context.RequestAborted))
        {
            return await act();
        }

        await login.CountFailureAsync(user.Id, AddressOf(context), context.RequestAborted);
        return ShowAccount(context, user, "The code is wrong or was used before.", 401);
    }

    /// <summary>What changed ended every session of the person, this one as well; it begins anew.</summary>
    private async Task<User?> SignedInAgainAsync(HttpContext context, UserId id)
    {
        if (!store.Current.Users.TryGetValue(id, out var user))
        {
            return null;
        }

        await IdpSession.SignInAsync(context, user);
        return user;
    }

    private async Task<IResult> ShowCodesAsync(HttpContext context, UserId id, ImmutableArray<string> codes)
    {
        await SignedInAgainAsync(context, id);
        return IdpPage.Show(
            context,
            "Your recovery codes",
            $"""
            <p>Each takes the place of the app once, when it is lost. They are shown only now: print them, or put them into a password manager.</p>
            <ul class="codes">{string.Concat(codes.Select(code => $"<li>{code}</li>"))}</ul>
            <p><a href="{Path}">Done</a></p>
            """);
    }

    private IResult ShowAccount(HttpContext context, User user, string? problem = null, int status = 200)
        => IdpPage.Show(
            context,
            "Your login",
            user.Credential?.SealedTotpSecret is null
                ? $"""
                  <p>{IdpPage.Text(user.Email)} logs in with a password alone. An authenticator app on your telephone keeps others out who have guessed or seen it.</p>
                  <form method="get" action="{AppPath}"><button>Set an authenticator app up</button></form>
                  {Back}
                  """
                : $"""
                  <p>{IdpPage.Text(user.Email)} logs in with a password and an authenticator app; {user.Credential.RecoveryCodes.Length} recovery codes are left.</p>
                  <form method="post" action="{CodesPath}">{IdpPage.Token(antiforgery, context)}
                  <label for="c">Code that the app shows</label><input id="c" name="code" autocomplete="one-time-code" required>
                  <button>New recovery codes</button>
                  <button class="quiet" formaction="{RemovePath}">Take the app off</button></form>
                  {Back}
                  """,
            problem,
            status);

    private IResult ShowApp(HttpContext context, User user, string secret, string? problem = null, int status = 200)
    {
        // Key URI format, as every authenticator reads it.
        var name = Uri.EscapeDataString(store.Current.Settings.AccountName);
        var uri = $"otpauth://totp/{name}:{Uri.EscapeDataString(user.Email)}?secret={secret}&issuer={name}";
        using var qr = new QRCodeGenerator().CreateQrCode(uri, QRCodeGenerator.ECCLevel.M);
        using var picture = new SvgQRCode(qr);
        return IdpPage.Show(
            context,
            "Authenticator app",
            $"""
            <p>Scan this with the app, then type the six digits that it shows.</p>
            <div class="qr" role="img" aria-label="QR code with the secret below">{picture.GetGraphic(4, "#000000", "#ffffff")}</div>
            <p>Or type: <code>{string.Join(' ', secret.Chunk(4).Select(part => new string(part)))}</code></p>
            <form method="post" action="{AppPath}">{IdpPage.Token(antiforgery, context)}{IdpPage.Hidden("secret", secret)}{IdpPage.Hidden("ticket", tickets.Issue(user.Id, TicketStep + secret))}
            <label for="c">Code</label><input id="c" name="code" inputmode="numeric" autocomplete="one-time-code" required autofocus>
            <button>Switch it on</button></form>
            <p class="back"><a href="{Path}">Not now</a></p>
            """,
            problem,
            status);
    }
}
