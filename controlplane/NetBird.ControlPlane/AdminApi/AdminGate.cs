using NetBird.ControlPlane.Users;

namespace NetBird.ControlPlane.AdminApi;

/// <summary>Stands before every handler of the admin API: who calls, and may they. Bodies are read behind it only.</summary>
internal sealed class AdminGate(AdminAuthentication authentication) : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;

        // Answers hold names, addresses and, once, secrets: no cache keeps them.
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers.XContentTypeOptions = "nosniff";
        if (authentication.Recognise(http) is not { } caller)
        {
            return Problems.NotAuthenticated();
        }

        if (caller.Token?.ScimOnly == true)
        {
            return Problems.NotPermitted("a token that is not for SCIM alone");
        }

        var access = http.GetEndpoint()?.Metadata.GetMetadata<Access>();
        if (access is null || caller.Role < access.Minimum)
        {
            return Problems.NotPermitted($"the role {(access?.Minimum ?? Role.Owner).ToString().ToLowerInvariant()}");
        }

        if ((http.GetEndpoint()?.Metadata.GetMetadata<QueryShape>() ?? QueryShape.Nothing).Objection(http.Request.Query) is { } objection)
        {
            return objection;
        }

        http.Features.Set(caller);
        try
        {
            return await next(context);
        }
        catch (IOException fault)
        {
            // In the store's own words: who asks has a role here, and has to do something about a full disk.
            return Problems.Unavailable($"The configuration could not be written; nothing was changed. {fault.Message}");
        }
    }
}
