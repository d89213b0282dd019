using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace NetBird.Agent.Endpoint;

/// <summary>Writes a refusal in Anthropic's error envelope.</summary>
internal static class RefusalWriter
{
    /// <summary>What ids of answers that the agent gave itself begin with; the gateway's and the provider's do not.</summary>
    private const string OurIds = "req_agent_";

    /// <summary>Whether the endpoint gave this answer itself, in place of the gateway.</summary>
    public static bool IsOurs(HttpResponseMessage answer)
        => answer.Headers.TryGetValues("request-id", out var ids) && ids.Any(id => id.StartsWith(OurIds, StringComparison.Ordinal));

    public static async Task WriteAsync(HttpContext context, EndpointRefusal refusal)
    {
        var requestId = OurIds + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));
        var response = context.Response;
        response.StatusCode = refusal.Status;
        response.Headers["x-should-retry"] = refusal.RetryHelps ? "true" : "false";
        response.Headers["request-id"] = requestId;
        response.ContentType = "application/json";
        var body = JsonSerializer.SerializeToUtf8Bytes(
            new ErrorEnvelope("error", new ErrorDetail(refusal.Type, refusal.Message), requestId), EnvelopeJson.Default.ErrorEnvelope);
        response.ContentLength = body.Length;
        if (!HttpMethods.IsHead(context.Request.Method))
        {
            await response.Body.WriteAsync(body, context.RequestAborted).ConfigureAwait(false);
        }
    }
}
