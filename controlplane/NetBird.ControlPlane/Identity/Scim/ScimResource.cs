using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace NetBird.ControlPlane.Identity.Scim;

/// <summary>What every resource has: its meta attribute and its version.</summary>
internal static class ScimResource
{
    /// <summary>Adds <c>meta</c>. The version is a hash of what the resource says, so it changes with it and with nothing else.</summary>
    public static JsonObject WithMeta(JsonObject resource, string type, string location, DateTimeOffset created, DateTimeOffset modified)
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(resource.ToJsonString())).AsSpan(0, 8));
        resource["meta"] = new JsonObject
        {
            ["resourceType"] = type,
            ["created"] = Time(created),
            ["lastModified"] = Time(modified),
            ["location"] = location,
            ["version"] = $"W/\"{hash}\"",
        };
        return resource;
    }

    public static string VersionOf(JsonObject resource) => (string?)resource["meta"]?["version"] ?? "";

    /// <summary>Whether a list of entity tags names this version (RFC 7644 section 3.14; weak comparison).</summary>
    public static bool Names(string tags, string version)
        => tags.Split(',', StringSplitOptions.TrimEntries).Any(tag => tag == "*" || Strong(tag) == Strong(version));

    /// <summary>Leaves what <c>attributes</c> asks for, or takes away what <c>excludedAttributes</c> does (section 3.9). id and schemas always stay.</summary>
    public static JsonObject Project(JsonObject resource, ScimSchema schema, string? attributes, string? excluded)
    {
        if (!string.IsNullOrEmpty(attributes))
        {
            var wanted = Tops(schema, attributes);
            foreach (var field in resource.Select(field => field.Key).Where(field => field is not ("id" or "schemas") && !wanted.Contains(field)).ToList())
            {
                resource.Remove(field);
            }
        }
        else if (!string.IsNullOrEmpty(excluded))
        {
            foreach (var field in Tops(schema, excluded).Where(field => field is not ("id" or "schemas")))
            {
                resource.Remove(field);
            }
        }

        return resource;
    }

    private static HashSet<string> Tops(ScimSchema schema, string names)
    {
        var tops = new HashSet<string>(StringComparer.Ordinal);
        foreach (var name in names.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Take(50))
        {
            try
            {
                var path = ScimPath.Parse(schema, name);
                tops.Add(path.Extension?.Id ?? path.Attribute?.Name ?? "");
            }
            catch (ScimException)
            {
                // A client asks for what it knows; what we have not is not there.
            }
        }

        return tops;
    }

    private static string Strong(string tag) => tag.StartsWith("W/", StringComparison.Ordinal) ? tag[2..] : tag;

    private static string Time(DateTimeOffset time) => time.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
}
