using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Antiforgery;

namespace NetBird.ControlPlane.Identity.Embedded;

/// <summary>
/// The frame of the IdP's own pages: no script, one style, nothing fetched, not to be framed or cached. They work in
/// any browser and in curl.
/// </summary>
internal static class IdpPage
{
    private const string Style = """
        :root{color-scheme:light dark;--edge:#d5d9e0;--accent:#f68330;--ink:#181a1d;--page:#f4f5f7;--card:#fff;--soft:#5b6470}
        @media(prefers-color-scheme:dark){:root{--edge:#3a4049;--ink:#eceef1;--page:#15171a;--card:#1f2226;--soft:#a4acb8}}
        body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--page);color:var(--ink);
        font:16px/1.5 system-ui,sans-serif}
        main{background:var(--card);border:1px solid var(--edge);border-radius:12px;padding:2rem;width:min(22rem,86vw)}
        h1{font-size:1.25rem;margin:0 0 .25rem}p{margin:.25rem 0 1rem;color:var(--soft)}
        label{display:block;margin:.9rem 0 .25rem;font-weight:600}
        input{box-sizing:border-box;width:100%;padding:.55rem .7rem;font:inherit;border:1px solid var(--edge);border-radius:8px;
        background:transparent;color:inherit}
        button{margin-top:1.25rem;width:100%;padding:.6rem;font:inherit;font-weight:600;border:0;border-radius:8px;
        background:var(--accent);color:#181a1d;cursor:pointer}
        button.quiet{background:transparent;border:1px solid var(--edge);color:inherit;margin-top:.5rem}
        input:focus-visible,button:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
        .problem{color:#c4342d;font-weight:600}@media(prefers-color-scheme:dark){.problem{color:#ff8a80}}
        .qr svg{display:block;width:100%;max-width:15rem;height:auto;margin:0 auto 1rem}code{overflow-wrap:anywhere}a{color:inherit}
        .codes{columns:2;padding:0;list-style:none;font:.85rem/1.9 ui-monospace,monospace}
        .code{font:700 1.6rem ui-monospace,monospace;letter-spacing:.12em;color:var(--ink);text-align:center}
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
        return Results.Text(
            $"""
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
            <title>{Text(title)}</title><style>{Style}</style></head>
            <body><main><h1>{Text(title)}</h1>{alert}{body}</main></body></html>

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
