using System.Text.Json.Nodes;

namespace NetBird.ControlPlane.Identity.Scim;

/// <summary>Writes <c>application/scim+json</c>.</summary>
internal sealed class ScimAnswer(JsonObject? body, int status = StatusCodes.Status200OK) : IResult
{
    public static ScimAnswer Of(ScimException fault) => Error(fault.Status, fault.ScimType, fault.Message);

    public static ScimAnswer Error(int status, string? scimType, string detail)
    {
        var error = new JsonObject
        {
            ["schemas"] = new JsonArray(ScimSchema.ErrorId),
            ["status"] = status.ToString(System.Globalization.CultureInfo.InvariantCulture),
            ["detail"] = detail,
        };
        if (scimType is not null)
        {
            error["scimType"] = scimType;
        }

        return new(error, status);
    }

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.StatusCode = status;
        if (status == StatusCodes.Status401Unauthorized)
        {
            response.Headers.WWWAuthenticate = "Bearer";
        }

        if (body is null)
        {
            return;
        }

        if (body["meta"] is JsonObject meta && status < 300)
        {
            response.Headers.ETag = (string?)meta["version"];
            response.Headers.Location = (string?)meta["location"];
        }

        response.ContentType = "application/scim+json; charset=utf-8";
        await response.WriteAsync(body.ToJsonString(), httpContext.RequestAborted);
    }
}
