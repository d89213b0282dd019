using System.Globalization;
using System.Security.Claims;
using NetBird.ControlPlane.Identity.Web;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Users;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Dashboard.Viewing;

/// <summary>Who looks, as the account knows them now: a person who was disabled since they signed in is nobody.</summary>
internal static class Viewer
{
    public static User? Of(ClaimsPrincipal? principal, IConfigurationStore store)
        => UserId.TryParse(principal?.FindFirstValue(DashboardAccess.UserIdClaim), out var id)
            && store.Current.Users.GetValueOrDefault(id) is { Status: UserStatus.Active, IsServiceUser: false } user ? user : null;

    /// <summary>Which session they look by and when it ends; null: none that is known here.</summary>
    public static ViewerSession? SessionOf(ClaimsPrincipal? principal)
        => SessionId.TryParse(principal?.FindFirstValue(DashboardAccess.SessionClaim), out var id)
            && long.TryParse(principal!.FindFirstValue(DashboardAccess.UntilClaim), NumberStyles.None, CultureInfo.InvariantCulture, out var ticks)
            ? new(id, new(ticks, TimeSpan.Zero)) : null;
}

/// <summary>One sign-in in one browser.</summary>
/// <param name="Id">Which.</param>
/// <param name="Until">When it ends.</param>
internal sealed record ViewerSession(SessionId Id, DateTimeOffset Until);
