using Microsoft.AspNetCore.Authentication;
using NetBird.ControlPlane.AdminApi;
using NetBird.ControlPlane.Hosting;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Identity.Web;

/// <summary>
/// A signed-in person as a caller of the REST API. A browser sends the cookie whoever asked for the call, so a call
/// counts only when the browser says that our own page made it (Fetch Metadata), or that it came from our origin.
/// </summary>
internal sealed class WebSession(PublicUrl url) : IAdminSession
{
    public UserId? UserOf(HttpContext http)
        => IsOurs(http.Request) && WebSignIn.UserOf(http, http.User) is { } user ? user.Id : null;

    private bool IsOurs(HttpRequest request)
    {
        var site = request.Headers["Sec-Fetch-Site"].ToString();
        if (site.Length > 0)
        {
            return site == "same-origin" || (site == "none" && HttpMethods.IsGet(request.Method));
        }

        var origin = request.Headers.Origin.ToString();
        return origin.Length > 0
            ? origin == url.Value.GetLeftPart(UriPartial.Authority) || origin == $"{request.Scheme}://{request.Host}"
            : HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method);
    }
}
