using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Antiforgery;
using NetBird.ControlPlane.Store;

namespace NetBird.ControlPlane.Identity.Embedded;

/// <summary>
/// The frame of the IdP's own pages: no script, one style, nothing fetched, not to be framed or cached. They work in
/// any browser and in curl.
/// </summary>
internal static class IdpPage
{
    // Colours and shapes are those of the pages behind it. No style is on an element itself: the policy allows this one sheet.
    private const string Style = """
        :root{color-scheme:light dark;--edge:#e3e6eb;--line:#868f9c;--accent:#b8430a;--on:#fff;--ink:#1d2430;--page:#f6f7f9;--card:#fff;--soft:#545f70;--bad:#b3261e}
        @media(prefers-color-scheme:dark){:root{--edge:#2b323e;--line:#727d8d;--accent:#ff8a4c;--on:#1d1209;--ink:#e8ebf0;--page:#12151b;--card:#1a1f28;--soft:#a3adbb;--bad:#ff8a80}}
        body{margin:0;min-height:100vh;min-height:100dvh;box-sizing:border-box;padding:24px 12px;display:grid;place-content:center;justify-items:center;gap:18px;
        background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans","DejaVu Sans",sans-serif}
        header{display:flex;align-items:center;gap:10px;font-weight:600;max-width:min(26rem,100%);overflow-wrap:anywhere}header svg{width:28px;height:28px;flex:none}
        main{box-sizing:border-box;background:var(--card);border:1px solid var(--edge);border-radius:12px;padding:28px;width:min(25rem,calc(100vw - 24px));overflow-wrap:anywhere}
        h1{font-size:1.3rem;line-height:1.3;letter-spacing:-.01em;margin:0 0 4px}p{margin:0 0 14px;color:var(--soft)}p:last-child{margin-bottom:0}
        label{display:block;margin:14px 0 4px;font-size:.87rem;color:var(--soft)}
        input{box-sizing:border-box;width:100%;padding:9px 12px;min-height:42px;font:inherit;border:1px solid var(--line);border-radius:8px;background:transparent;color:inherit}
        button{margin-top:18px;width:100%;padding:9px 12px;min-height:42px;font:inherit;font-weight:600;border:0;border-radius:8px;background:var(--accent);color:var(--on);cursor:pointer}
        button.quiet{background:transparent;border:1px solid var(--line);color:inherit;margin-top:10px}
        input:focus-visible,button:focus-visible,a:focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:8px}
        .problem{color:var(--bad);border:1px solid;border-radius:8px;padding:9px 12px;margin:12px 0 0}
        .qr svg{display:block;width:100%;max-width:14rem;height:auto;margin:0 auto 14px;border-radius:8px}code{overflow-wrap:anywhere;color:var(--ink);font-family:ui-monospace,"Liberation Mono",monospace}
        a{color:var(--accent)}.back{margin-top:18px}
        .codes{columns:9.3rem;column-gap:8px;padding:0;margin:0 0 14px;list-style:none;white-space:nowrap;font:.8rem/2 ui-monospace,"Liberation Mono",monospace}
        .code{font:700 1.6rem ui-monospace,"Liberation Mono",monospace;letter-spacing:.12em;color:var(--ink);text-align:center;margin:18px 0}
        """;

    // The same as icon.svg, which these pages do not fetch.
    private const string Icon = """
        <svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="7" fill="#b8430a"/><path d="M6 19c5 0 6-7 11-7 3 0 4 2 9 2-3 1-4 3-6 5-3 3-8 4-14 0z" fill="#fff"/></svg>
        """;

    private static readonly string StyleHash = Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(Style)));

    /// <summary>A page.</summary>
    /// <param name="context">The request it answers.</param>
    /// <param name="title">Heading; text.</param>
    /// <param name="body">Markup; everything from outside in it went through <see cref="Text"/>.</param>
    /// <param name="problem">What went wrong before, a sentence; null for nothing.</param>
    /// <param name="status">HTTP status.</param>
    public static IResult Show(HttpContext context, string title, string body, string? problem = null, int status = 200)
    {
        var headers = context.Response.Headers;
        headers.CacheControl = "no-store";
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers["Referrer-Policy"] = "no-referrer";

        // A browser holds the redirect after a form to form-action too, and logins end at an agent's loopback port.
        headers.ContentSecurityPolicy =
            $"default-src 'none'; style-src 'sha256-{StyleHash}'; base-uri 'none'; frame-ancestors 'none'; "
            + "form-action 'self' http://127.0.0.1:* http://localhost:*";
        var alert = problem is null ? "" : $"<p class=\"problem\" role=\"alert\">{Text(problem)}</p>";
        var account = Text(context.RequestServices.GetRequiredService<IConfigurationStore>().Current.Settings.AccountName);
        return Results.Text(
            $"""
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
            <title>{Text(title)} · {account}</title><style>{Style}</style></head>
            <body><header>{Icon}<span>{account}</span></header><main><h1>{Text(title)}</h1>{alert}{body}</main></body></html>

            """,
            "text/html; charset=utf-8",
            Encoding.UTF8,
            status);
    }

    /// <summary>Outside text made safe for element content and quoted attributes.</summary>
    public static string Text(string? text) => HtmlEncoder.Default.Encode(text ?? "");

    /// <summary>A hidden form field.</summary>
    public static string Hidden(string name, string? value)
        => $"<input type=\"hidden\" name=\"{Text(name)}\" value=\"{Text(value)}\">";

    /// <summary>The hidden field that says a form is one of ours.</summary>
    public static string Token(IAntiforgery antiforgery, HttpContext context)
    {
        var tokens = antiforgery.GetAndStoreTokens(context);
        return Hidden(tokens.FormFieldName, tokens.RequestToken);
    }
}
