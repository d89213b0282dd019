using System.Security.Claims;
using Microsoft.AspNetCore.Authorization;
using NetBird.ControlPlane.Dashboard.Viewing;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Users;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Identity.Web;

/// <summary>One of these roles, as they are now.</summary>
internal sealed class RoleRequirement(params Role[] roles) : IAuthorizationRequirement
{
    public IReadOnlyList<Role> Roles { get; } = roles;
}

/// <summary>Looks the role up at every decision: a cookie may be hours old.</summary>
internal sealed class RoleRequirementHandler(IConfigurationStore store) : AuthorizationHandler<RoleRequirement>
{
    protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, RoleRequirement requirement)
    {
        if (Viewer.Of(context.User, store) is { } user && requirement.Roles.Contains(store.Current.RoleOf(user)))
        {
            context.Succeed(requirement);
        }

        return Task.CompletedTask;
    }
}
