using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace NetBird.ControlPlane.Dashboard.Viewing;

/// <summary>What a change of the audit log changed, field by field, those within others by their path.</summary>
internal static class Differences
{
    // For eyes: letters as they are, where JSON for machines would have escapes.
    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <returns>Fields by name; null before: it was made, null after: it is gone.</returns>
    public static IEnumerable<(string Field, string? Before, string? After)> Of(JsonObject? before, JsonObject? after)
    {
        var (old, now) = (Leaves(before), Leaves(after));
        return old.Keys.Union(now.Keys).Order(StringComparer.Ordinal)
            .Select(field => (Field: field, Before: old.GetValueOrDefault(field), After: now.GetValueOrDefault(field)))
            .Where(field => field.Before != field.After);
    }

    private static Dictionary<string, string> Leaves(JsonObject? value)
    {
        var leaves = new Dictionary<string, string>(StringComparer.Ordinal);
        Add("", value);
        return leaves;

        void Add(string path, JsonNode? node)
        {
            if (node is JsonObject parts)
            {
                foreach (var (name, part) in parts)
                {
                    Add((path.Length == 0 ? "" : path + " › ") + name.Replace('_', ' '), part);
                }
            }
            else if (node is not null)
            {
                leaves[path] = Text(node);
            }
        }
    }

    private static string Text(JsonNode node) => node switch
    {
        JsonArray items => items.Count == 0 ? "none" : string.Join(", ", items.Select(item => item is null ? "null" : Text(item))),
        JsonValue value when value.TryGetValue<string>(out var text) => text.Length == 0 ? "empty" : text,
        _ => node.ToJsonString(Plain),
    };
}
