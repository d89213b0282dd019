using System.Buffers;
using System.Text.Json;

namespace NetBird.Gateway.Capture;

/// <summary>
/// The words of a request: its messages, newest kept first, and its system prompt where there is room. Pictures and documents are
/// left out, their size is told. A body has been read as JSON before.
/// </summary>
internal static class PromptText
{
    /// <summary>Ours: some 60,000 tokens. What was said before stands with the request that said it first.</summary>
    internal const int MaxBytes = 256 * 1024;

    /// <summary>Ours: longer base64 is a file and no word.</summary>
    private const int LongestData = 256;

    private const int MaxDepth = 260;

    /// <param name="body">Of a message, or of a batch.</param>
    /// <param name="redact">Take personal data and secrets out.</param>
    /// <param name="truncated">Something was left out for its length.</param>
    public static byte[] Of(ReadOnlySpan<byte> body, bool redact, out bool truncated)
    {
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = MaxDepth });
        using var document = JsonDocument.ParseValue(ref reader);
        var root = document.RootElement;
        var room = MaxBytes;
        truncated = false;
        var messages = Newest(root, "messages", redact, ref room, ref truncated);
        if (messages.Count == 0)
        {
            messages = Newest(root, "requests", redact, ref room, ref truncated);
        }

        var system = root.TryGetProperty("system", out var prompt) ? Write(prompt, redact) : [];
        if (system.Length > room)
        {
            (system, truncated) = ([], true);
        }

        var buffer = new ArrayBufferWriter<byte>();
        using var writer = new Utf8JsonWriter(buffer);
        writer.WriteStartObject();
        if (system.Length > 0)
        {
            writer.WritePropertyName("system");
            writer.WriteRawValue(system, skipInputValidation: true);
        }

        writer.WriteStartArray("messages");
        for (var i = messages.Count - 1; i >= 0; i--)
        {
            writer.WriteRawValue(messages[i], skipInputValidation: true);
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
        writer.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Items of a list from its end, as long as there is room; the last one is cut rather than left out.</summary>
    private static List<byte[]> Newest(JsonElement root, string name, bool redact, ref int room, ref bool truncated)
    {
        var kept = new List<byte[]>();
        if (!root.TryGetProperty(name, out var items) || items.ValueKind != JsonValueKind.Array)
        {
            return kept;
        }

        for (var i = items.GetArrayLength() - 1; i >= 0; i--)
        {
            var item = Write(items[i], redact);
            if (item.Length > room)
            {
                truncated = true;
                if (kept.Count == 0)
                {
                    kept.Add(JsonSerializer.SerializeToUtf8Bytes(
                        System.Text.Encoding.UTF8.GetString(item.AsSpan(0, room / 2)) + " [cut: this message alone is longer than what is kept]"));
                }

                break;
            }

            room -= item.Length;
            kept.Add(item);
        }

        return kept;
    }

    private static byte[] Write(JsonElement element, bool redact)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { MaxDepth = MaxDepth, SkipValidation = true });
        Copy(element, writer, redact);
        writer.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    private static void Copy(JsonElement element, Utf8JsonWriter writer, bool redact)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                writer.WriteStartObject();

                // Of a document that is plain text the data are words.
                var isWords = element.TryGetProperty("type", out var type) && type.ValueKind == JsonValueKind.String && type.ValueEquals("text");
                foreach (var field in element.EnumerateObject())
                {
                    // Names are words of the caller, too.
                    writer.WritePropertyName(redact ? Redaction.Of(field.Name) : field.Name);
                    if (!isWords && field.NameEquals("data") && field.Value.ValueKind == JsonValueKind.String && field.Value.GetRawText().Length > LongestData)
                    {
                        writer.WriteStringValue($"[{field.Value.GetRawText().Length - 2} characters of data left out]");
                    }
                    else
                    {
                        Copy(field.Value, writer, redact);
                    }
                }

                writer.WriteEndObject();
                break;
            case JsonValueKind.Array:
                writer.WriteStartArray();
                foreach (var item in element.EnumerateArray())
                {
                    Copy(item, writer, redact);
                }

                writer.WriteEndArray();
                break;
            case JsonValueKind.String:
                // Decoded first, so that an escape hides nothing.
                var text = element.GetString() ?? "";
                writer.WriteStringValue(redact ? Redaction.Of(text) : text);
                break;
            case JsonValueKind.Number when redact && Redaction.Of(element.GetRawText()) is var number && number != element.GetRawText():
                writer.WriteStringValue(number);
                break;
            default:
                element.WriteTo(writer);
                break;
        }
    }
}
