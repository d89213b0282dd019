using System.Security.Claims;
using NetBird.ControlPlane.AdminApi;
using NetBird.ControlPlane.Dashboard.Viewing;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Dashboard;

/// <summary>
/// A signed-in page calls the admin API under the viewer's own role. The cookie alone is not enough: a header that no
/// other site can set shows that a page of ours sent the request, and the browser's own word on the sender must agree.
/// </summary>
internal sealed class DashboardSession : IAdminSession
{
    public UserId? UserOf(HttpContext http)
        => http.User.Identity is { IsAuthenticated: true, AuthenticationType: DashboardAccess.Scheme }
            && http.Request.Headers["x-netbird-dashboard"] == "1"
            && http.Request.Headers["Sec-Fetch-Site"] is var site && (site.Count == 0 || site == "same-origin")
            && UserId.TryParse(http.User.FindFirstValue(DashboardAccess.UserIdClaim), out var id) ? id : null;
}
