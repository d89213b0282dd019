using System.Security.Cryptography;
using System.Text.Json;
using NetBird.ControlPlane.AdminApi;

namespace NetBird.ControlPlane.Providers;

/// <summary>The sample provider's part of the Anthropic Messages API: plain and streamed answers, token counts, models.</summary>
internal static class SampleEndpoints
{
    /// <summary>Largest body taken; Anthropic's limit for Messages.</summary>
    private const int MaxBytes = 32 * 1024 * 1024;

    // A token is about four bytes of English; only an estimate, and the sample says so.
    private const int BytesPerToken = 4;

    private static readonly string[] Words =
    [
        "This ", "answer ", "comes ", "from ", "NetBird's ", "built-in ", "sample ", "provider, ", "not ", "from ", "a ", "model. ",
        "Your ", "request ", "went ", "through ", "the ", "tunnel, ", "was ", "checked ", "against ", "policy, ", "got ", "its ", "key ",
        "here ", "and ", "was ", "metered; ", "token ", "counts ", "are ", "estimates ", "and ", "nobody ", "is ", "charged. ",
        "Connect ", "a ", "real ", "provider ", "to ", "get ", "real ", "answers.",
    ];

    public static void MapSampleProvider(this IEndpointRouteBuilder app)
    {
        var sample = app.MapGroup(SampleProvider.Path + "/v1").ExcludeFromDescription();
        sample.MapPost("/messages", MessagesAsync);
        sample.MapPost("/messages/count_tokens", CountTokensAsync);
        sample.MapGet("/models", (HttpContext http, SampleProvider provider) => Refusal(http, provider) ?? Models());
    }

    private static async Task<IResult> MessagesAsync(HttpContext http, SampleProvider provider, TimeProvider time)
    {
        var (request, refusal) = await ReadAsync(http, provider);
        if (request is null)
        {
            return refusal!; // one of the two is there
        }

        http.Response.Headers["request-id"] = "req_" + RandomNumberGenerator.GetHexString(24, lowercase: true);
        var id = "msg_sample_" + RandomNumberGenerator.GetHexString(20, lowercase: true);
        if (!request.Stream)
        {
            return Results.Json(Message(id, request, string.Concat(Words), outputTokens: Words.Length, stopReason: "end_turn"));
        }

        await StreamAsync(http, id, request, time);
        return Results.Empty;
    }

    private static async Task StreamAsync(HttpContext http, string id, SampleRequest request, TimeProvider time)
    {
        http.Response.ContentType = "text/event-stream; charset=utf-8";
        http.Response.Headers.CacheControl = "no-cache";
        await SendAsync(http, "message_start", new { type = "message_start", message = Message(id, request, null, 1, null) });
        await SendAsync(http, "content_block_start", new { type = "content_block_start", index = 0, content_block = new { type = "text", text = "" } });
        await SendAsync(http, "ping", new { type = "ping" });
        foreach (var word in Words)
        {
            await SendAsync(http, "content_block_delta", new { type = "content_block_delta", index = 0, delta = new { type = "text_delta", text = word } });
            await Task.Delay(TimeSpan.FromMilliseconds(8), time, http.RequestAborted);
        }

        await SendAsync(http, "content_block_stop", new { type = "content_block_stop", index = 0 });
        await SendAsync(http, "message_delta", new
        {
            type = "message_delta",
            delta = new { stop_reason = "end_turn", stop_sequence = (string?)null },
            usage = new { output_tokens = Words.Length },
        });
        await SendAsync(http, "message_stop", new { type = "message_stop" });
    }

    private static async Task SendAsync(HttpContext http, string name, object data)
    {
        await http.Response.WriteAsync($"event: {name}\ndata: {JsonSerializer.Serialize(data)}\n\n", http.RequestAborted);
        await http.Response.Body.FlushAsync(http.RequestAborted);
    }

    private static async Task<IResult> CountTokensAsync(HttpContext http, SampleProvider provider)
    {
        var (request, refusal) = await ReadAsync(http, provider);
        return request is null ? refusal! : Results.Json(new { input_tokens = request.InputTokens }); // one of the two is there
    }

    private static IResult Models() => Results.Json(new
    {
        data = NetBird.Policy.Pricing.PriceTable.Default.Models.Select(model => new
        {
            type = "model", id = model, display_name = model + " (sample)", created_at = "2026-01-01T00:00:00Z",
        }),
        has_more = false,
    });

    private static async Task<(SampleRequest? Request, IResult? Refusal)> ReadAsync(HttpContext http, SampleProvider provider)
    {
        if (Refusal(http, provider) is { } refusal)
        {
            return (null, refusal);
        }

        var (bytes, tooLarge) = await RequestBody.ReadBytesAsync(http.Request, MaxBytes, http.RequestAborted);
        if (tooLarge)
        {
            return (null, Error(StatusCodes.Status413PayloadTooLarge, "request_too_large", "The request has more than 32 MB."));
        }

        try
        {
            using var body = JsonDocument.Parse(bytes);
            var root = body.RootElement;
            if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("model", out var model) || model.ValueKind != JsonValueKind.String
                || !root.TryGetProperty("messages", out var messages) || messages.ValueKind != JsonValueKind.Array)
            {
                return (null, Error(StatusCodes.Status400BadRequest, "invalid_request_error", "model and messages are required."));
            }

            return (new(
                model.GetString() ?? "",
                root.TryGetProperty("stream", out var stream) && stream.ValueKind == JsonValueKind.True,
                Math.Max(1, bytes.Length / BytesPerToken)), null);
        }
        catch (JsonException)
        {
            return (null, Error(StatusCodes.Status400BadRequest, "invalid_request_error", "The request body is not valid JSON."));
        }
    }

    private static IResult? Refusal(HttpContext http, SampleProvider provider)
        => provider.Accepts(http.Request.Headers["x-api-key"].ToString())
            ? null
            : Error(StatusCodes.Status401Unauthorized, "authentication_error", "invalid x-api-key");

    private static IResult Error(int status, string type, string message)
        => Results.Json(new { type = "error", error = new { type, message } }, statusCode: status);

    private static object Message(string id, SampleRequest request, string? text, int outputTokens, string? stopReason) => new
    {
        id,
        type = "message",
        role = "assistant",
        model = request.Model,
        content = text is null ? Array.Empty<object>() : [new { type = "text", text }],
        stop_reason = stopReason,
        stop_sequence = (string?)null,
        usage = new
        {
            input_tokens = request.InputTokens, cache_creation_input_tokens = 0, cache_read_input_tokens = 0, output_tokens = outputTokens,
        },
    };

    private sealed record SampleRequest(string Model, bool Stream, int InputTokens);
}
