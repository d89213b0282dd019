using System.Security.Claims;
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
}
