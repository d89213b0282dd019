using Microsoft.AspNetCore;
using Microsoft.AspNetCore.Diagnostics;
using NetBird.ControlPlane.Identity.Embedded;

namespace NetBird.ControlPlane.Identity.Web;

/// <summary>
/// What a browser shows where an answer would have no words: an address that nothing is at, or a login that an agent or a bookmark
/// asked for wrongly. Scripts, which do not ask for HTML, get the bare status as ever.
/// </summary>
internal static class ErrorPages
{
    public static void UseErrorPages(this IApplicationBuilder app) => app.UseStatusCodePages(ShowAsync);

    private static Task ShowAsync(StatusCodeContext context)
    {
        var http = context.HttpContext;
        var status = http.Response.StatusCode;
        if (http.GetOpenIddictServerResponse() is { Error.Length: > 0 } refusal)
        {
            return IdpPage.Show(
                http,
                "This login cannot go on",
                $"""
                <p>Whatever sent you here asked for it wrongly, or too late. Start again from there: <code>netbird-agent login</code> in a terminal, or <a href="/">the pages</a>.</p>
                <p>For whoever looks into it: <code>{IdpPage.Text(refusal.Error)}</code> {IdpPage.Text(refusal.ErrorDescription)}</p>
                """,
                status: status).ExecuteAsync(http);
        }

        var isBrowser = HttpMethods.IsGet(http.Request.Method) && http.Request.Headers.Accept.ToString().Contains("text/html", StringComparison.Ordinal);
        return !isBrowser
            ? Task.CompletedTask
            : IdpPage.Show(
                http,
                status is StatusCodes.Status404NotFound or StatusCodes.Status405MethodNotAllowed ? "There is no such page" : "This did not work",
                status < 500 ? "<p><a href=\"/\">To the pages</a></p>" : "<p>Try again in a moment. If it fails again, the control plane's log says why.</p>",
                status: status).ExecuteAsync(http);
    }
}
