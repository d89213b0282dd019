using System.Text.Json;
using System.Text.Json.Nodes;
using NetBird.ControlPlane.AdminApi;
using NetBird.ControlPlane.Users;

namespace NetBird.ControlPlane.Identity.Scim;

/// <summary>Before every SCIM handler: a bearer token made for SCIM and nothing else, of an administrator; after it, refusals in SCIM's form.</summary>
internal sealed class ScimGate(AdminAuthentication authentication) : IEndpointFilter
{
    /// <summary>Largest body. Ours: a group of 10,000 members fits.</summary>
    public const int MaxBytes = 4 * 1024 * 1024;

    private const int Deepest = 12;

    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers.XContentTypeOptions = "nosniff";
        if (authentication.Recognise(http) is not { Token: { } token } caller)
        {
            return ScimAnswer.Error(401, null, "Send 'Authorization: Bearer nbp_...' with a token that was made with scim_only.");
        }

        if (!token.ScimOnly || caller.Role < Role.Admin)
        {
            return ScimAnswer.Error(403, null, "This needs a token made with scim_only, of an administrator or of a service user with that role.");
        }

        http.Features.Set(caller);
        try
        {
            return await next(context);
        }
        catch (ScimException fault)
        {
            return ScimAnswer.Of(fault);
        }
        catch (IOException)
        {
            http.Response.Headers.RetryAfter = "5";
            return ScimAnswer.Error(503, null, "The configuration could not be written; nothing was changed. Try again.");
        }
    }

    /// <summary>The JSON object that was sent.</summary>
    /// <exception cref="ScimException">It is none, too large or too deep.</exception>
    public static async Task<JsonObject> ReadAsync(HttpContext http)
    {
        var type = http.Request.ContentType?.Split(';')[0].Trim();
        if (!string.Equals(type, "application/scim+json", StringComparison.OrdinalIgnoreCase) && !string.Equals(type, "application/json", StringComparison.OrdinalIgnoreCase))
        {
            throw new ScimException(415, null, "Send 'Content-Type: application/scim+json'.");
        }

        var (bytes, tooLarge) = await RequestBody.ReadBytesAsync(http.Request, MaxBytes, http.RequestAborted);
        if (tooLarge)
        {
            throw new ScimException(413, null, $"A body has at most {MaxBytes} bytes.");
        }

        try
        {
            using var document = JsonDocument.Parse(bytes, new() { MaxDepth = Deepest, AllowDuplicateProperties = false });
            return JsonObject.Create(document.RootElement.Clone()) ?? throw ScimException.InvalidSyntax("The body is a JSON object.");
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException or FormatException)
        {
            throw ScimException.InvalidSyntax("The body is no JSON object, or too deep.");
        }
    }
}
