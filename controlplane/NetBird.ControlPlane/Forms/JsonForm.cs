using System.Text;
using System.Text.Json;

namespace NetBird.ControlPlane.Forms;

/// <summary>Reads JSON (RFC 8259) into a form, strictly: one value, no comments, no duplicate names, bounded depth.</summary>
internal static class JsonForm
{
    /// <summary>Deepest nesting; ours, twice what the deepest resource has.</summary>
    public const int MaxDepth = 16;

    /// <exception cref="FormatException">It is no such JSON; the message says where.</exception>
    public static FormNode Parse(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = MaxDepth });
        try
        {
            if (!reader.Read())
            {
                throw new FormatException("The body is empty; send a JSON object.");
            }

            var node = ReadValue(ref reader);
            return reader.Read() ? throw new FormatException("The body holds more than one JSON value.") : node;
        }
        catch (JsonException fault)
        {
            throw new FormatException(
                $"The body is not valid JSON (line {(fault.LineNumber ?? 0) + 1}, byte {(fault.BytePositionInLine ?? 0) + 1}).", fault);
        }
        catch (InvalidOperationException fault)
        {
            // GetString on a string that is not valid UTF-16 when unescaped.
            throw new FormatException("The body holds text that is not valid Unicode.", fault);
        }
    }

    /// <summary>What was read, as JSON again.</summary>
    public static JsonElement ElementOf(FormNode node)
    {
        var buffer = new System.Buffers.ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            Write(writer, node);
        }

        using var document = JsonDocument.Parse(buffer.WrittenMemory);
        return document.RootElement.Clone();
    }

    private static void Write(Utf8JsonWriter writer, FormNode node)
    {
        switch (node.Kind)
        {
            case FormKind.Object:
                writer.WriteStartObject();
                foreach (var field in node.Fields)
                {
                    writer.WritePropertyName(field.Name);
                    Write(writer, field.Value);
                }

                writer.WriteEndObject();
                break;
            case FormKind.Array:
                writer.WriteStartArray();
                foreach (var item in node.Items)
                {
                    Write(writer, item);
                }

                writer.WriteEndArray();
                break;
            case FormKind.String:
                writer.WriteStringValue(node.Text);
                break;
            case FormKind.Null:
                writer.WriteNullValue();
                break;
            default:
                // A number or a boolean, in its own letters.
                writer.WriteRawValue(node.Text);
                break;
        }
    }

    private static FormNode ReadValue(ref Utf8JsonReader reader) => reader.TokenType switch
    {
        JsonTokenType.StartObject => ReadObject(ref reader),
        JsonTokenType.StartArray => ReadArray(ref reader),
        JsonTokenType.String => FormNode.Scalar(FormKind.String, reader.GetString() ?? ""),
        JsonTokenType.Number => FormNode.Scalar(FormKind.Number, Encoding.ASCII.GetString(reader.ValueSpan)),
        JsonTokenType.True => FormNode.Scalar(FormKind.Boolean, "true"),
        JsonTokenType.False => FormNode.Scalar(FormKind.Boolean, "false"),
        _ => FormNode.Scalar(FormKind.Null, ""),
    };

    private static FormNode ReadObject(ref Utf8JsonReader reader)
    {
        var fields = new List<FormField>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            var name = reader.GetString() ?? "";
            if (!names.Add(name))
            {
                throw new FormatException("The body names a field twice in one object.");
            }

            reader.Read();
            fields.Add(new(name, ReadValue(ref reader), null));
        }

        return FormNode.Object(fields);
    }

    private static FormNode ReadArray(ref Utf8JsonReader reader)
    {
        var items = new List<FormNode>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            items.Add(ReadValue(ref reader));
        }

        return FormNode.Array(items);
    }
}
