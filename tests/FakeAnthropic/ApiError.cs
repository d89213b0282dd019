using System.Text.Json;

namespace FakeAnthropic;

/// <summary>Errors in the API's envelope.</summary>
internal static class ApiError
{
    public static async Task WriteAsync(HttpContext http, string requestId, int status, string type, string message)
    {
        http.Response.StatusCode = status;
        await Json.WriteAsync(http, new { type = "error", error = new { type, message }, request_id = requestId }).ConfigureAwait(false);
    }

    /// <summary>The named errors that a scenario can ask for.</summary>
    public static async Task WriteScenarioAsync(Call call, string which)
    {
        var (status, type, message) = which switch
        {
            "400" => (400, "invalid_request_error", "messages: something is wrong with it"),
            "400-prompt-too-long" => (400, "invalid_request_error", "prompt is too long: 250000 tokens > 200000 maximum"),
            "401" => (401, "authentication_error", "invalid x-api-key"),
            "403" => (403, "permission_error", "Your API key does not have permission to use the specified resource."),
            "404" => (404, "not_found_error", "model: no such model"),
            "413" => (413, "request_too_large", "Request exceeds the maximum size"),
            "429" => (429, "rate_limit_error", "This request would exceed your organization's rate limit."),
            "500" => (500, "api_error", "Internal server error"),
            "529" => (529, "overloaded_error", "Overloaded"),
            _ when int.TryParse(which, out var other) && other is >= 400 and <= 599 => (other, "api_error", $"status {other}"),
            _ => (400, "invalid_request_error", $"no such scenario: error:{which}"),
        };

        if (status is 429 or 529)
        {
            call.Http.Response.Headers["retry-after"] = "2";
            call.Http.Response.Headers["x-should-retry"] = "true";
        }

        await WriteAsync(call.Http, call.RequestId, status, type, message).ConfigureAwait(false);
        call.Upstream.Ledger.Add(call.Entry("error", status));
    }
}

/// <summary>Plain JSON answers.</summary>
internal static class Json
{
    public static readonly JsonSerializerOptions Wire = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public static async Task WriteAsync(HttpContext http, object value)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(value, Wire);
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = bytes.Length;
        await http.Response.Body.WriteAsync(bytes).ConfigureAwait(false);
    }
}
