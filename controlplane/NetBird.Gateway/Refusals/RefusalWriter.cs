using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using NetBird.Gateway.Authorization;

namespace NetBird.Gateway.Refusals;

/// <summary>Writes a refusal: <c>{"type":"error","error":{"type","message"},"request_id"}</c> and the headers clients act on.</summary>
internal static class RefusalWriter
{
    // Read in a terminal: quotes and other scripts as they are. It is JSON with its own content type, never a page.
    private static readonly JsonWriterOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static void Write(HttpResponse response, Refusal refusal, string sentence, string requestId, DateTimeOffset now)
    {
        var body = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(body, Readable))
        {
            json.WriteStartObject();
            json.WriteString("type"u8, "error"u8);
            json.WriteStartObject("error"u8);
            json.WriteString("type"u8, refusal.ErrorType);
            json.WriteString("message"u8, sentence);
            json.WriteEndObject();
            json.WriteString("request_id"u8, requestId);
            json.WriteEndObject();
        }

        response.StatusCode = refusal.Status;
        response.ContentType = "application/json";
        response.ContentLength = body.WrittenCount;
        var headers = response.Headers;
        headers["request-id"] = requestId;
        if (refusal.Final)
        {
            headers["x-should-retry"] = "false";
        }

        if (refusal.RetryAfter is { } wait)
        {
            headers.RetryAfter = ((long)wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        }

        if (refusal.Reached is { } reached)
        {
            LimitHeaders.AddRejected(headers, reached, refusal.FitsAt ?? reached.FreesUpAt ?? now + reached.Cap.Window);
        }

        if (refusal.ForCounters)
        {
            LimitHeaders.AddUnreadable(headers);
        }

        if (!HttpMethods.IsHead(response.HttpContext.Request.Method))
        {
            response.BodyWriter.Write(body.WrittenSpan);
        }
    }
}
