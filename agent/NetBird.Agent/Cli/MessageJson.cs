using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace NetBird.Agent.Cli;

/// <summary>
/// A message as JSON: every field, under its own name. Protobuf's own formatter writes 64-bit integers as strings, which
/// scripts then compare as text; ours are numbers (jq and most readers are exact to 2^53, nine million dollars in nano-USD).
/// </summary>
internal static class MessageJson
{
    public static string Format(IMessage message, bool indented)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = indented, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            Write(json, message);
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static void Write(Utf8JsonWriter json, IMessage message)
    {
        json.WriteStartObject();
        foreach (var field in message.Descriptor.Fields.InDeclarationOrder())
        {
            json.WritePropertyName(field.Name);
            var value = field.Accessor.GetValue(message);
            if (field.IsRepeated)
            {
                json.WriteStartArray();
                foreach (var item in (System.Collections.IEnumerable)value)
                {
                    WriteValue(json, item);
                }

                json.WriteEndArray();
            }
            else
            {
                WriteValue(json, value);
            }
        }

        json.WriteEndObject();
    }

    private static void WriteValue(Utf8JsonWriter json, object? value)
    {
        switch (value)
        {
            case null:
                json.WriteNullValue();
                break;
            case IMessage message:
                Write(json, message);
                break;
            case string text:
                json.WriteStringValue(text);
                break;
            case bool flag:
                json.WriteBooleanValue(flag);
                break;
            case int number:
                json.WriteNumberValue(number);
                break;
            case uint number:
                json.WriteNumberValue(number);
                break;
            case long number:
                json.WriteNumberValue(number);
                break;
            default:
                throw new NotSupportedException($"No JSON form for {value.GetType().Name}; the daemon's messages have none of it.");
        }
    }
}
