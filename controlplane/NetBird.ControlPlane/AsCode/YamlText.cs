using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace NetBird.ControlPlane.AsCode;

/// <summary>Writes a tree as YAML that any YAML reader, of version 1.1 or 1.2, reads the same: what could be mistaken is quoted.</summary>
internal static partial class YamlText
{
    // Words that YAML 1.1 readers take for booleans or null.
    private static readonly HashSet<string> Reserved = new(StringComparer.OrdinalIgnoreCase)
    {
        "true", "false", "yes", "no", "on", "off", "y", "n", "null",
    };

    public static string Of(JsonObject tree)
    {
        var text = new StringBuilder();
        WriteFields(text, tree, indent: 0, first: "");
        return text.ToString();
    }

    private static void WriteFields(StringBuilder text, JsonObject fields, int indent, string first)
    {
        var lead = first;
        foreach (var (name, value) in fields)
        {
            text.Append(lead).Append(name).Append(':');
            WriteValue(text, value, indent);
            lead = new string(' ', indent);
        }
    }

    private static void WriteValue(StringBuilder text, JsonNode? value, int indent)
    {
        switch (value)
        {
            case JsonObject { Count: > 0 } fields:
                text.Append('\n');
                WriteFields(text, fields, indent + 2, new string(' ', indent + 2));
                break;
            case JsonArray { Count: > 0 } items when items.Any(item => item is JsonObject):
                text.Append('\n');
                foreach (var item in items.OfType<JsonObject>())
                {
                    WriteFields(text, item, indent + 4, new string(' ', indent + 2) + "- ");
                }

                break;
            case JsonArray items:
                text.Append(" [").AppendJoin(", ", items.Select(Scalar)).Append("]\n");
                break;
            default:
                text.Append(' ').Append(Scalar(value)).Append('\n');
                break;
        }
    }

    private static string Scalar(JsonNode? value)
    {
        if (value is null or JsonObject)
        {
            return value is null ? "null" : "{}";
        }

        if (value.GetValueKind() != JsonValueKind.String)
        {
            return value.ToJsonString();
        }

        var text = value.GetValue<string>();
        return Plain().IsMatch(text) && !Reserved.Contains(text) ? text : value.ToJsonString();
    }

    [GeneratedRegex("^[A-Za-z][A-Za-z0-9_./@-]*( [A-Za-z0-9_./@-]+)*$")]
    private static partial Regex Plain();
}
