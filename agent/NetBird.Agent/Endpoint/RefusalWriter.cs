using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace NetBird.Agent.Endpoint;

/// <summary>Writes a refusal in Anthropic's error envelope.</summary>
internal static class RefusalWriter
{
    public static async Task WriteAsync(HttpContext context, EndpointRefusal refusal)
    {
        var requestId = "req_agent_" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));
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
