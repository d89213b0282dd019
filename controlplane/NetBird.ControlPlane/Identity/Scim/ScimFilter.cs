using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace NetBird.ControlPlane.Identity.Scim;

/// <summary>A filter of RFC 7644 section 3.4.2.2, over a resource or over one value of a list.</summary>
internal abstract record ScimFilter
{
    private ScimFilter()
    {
    }

    public abstract bool Matches(JsonObject resource);

    public sealed record And(ScimFilter Left, ScimFilter Right) : ScimFilter
    {
        public override bool Matches(JsonObject resource) => Left.Matches(resource) && Right.Matches(resource);
    }

    public sealed record Or(ScimFilter Left, ScimFilter Right) : ScimFilter
    {
        public override bool Matches(JsonObject resource) => Left.Matches(resource) || Right.Matches(resource);
    }

    public sealed record Not(ScimFilter Inner) : ScimFilter
    {
        public override bool Matches(JsonObject resource) => !Inner.Matches(resource);
    }

    /// <summary>One value of the list that matches everything inside the brackets.</summary>
    public sealed record Among(string Attribute, ScimFilter Inner) : ScimFilter
    {
        public override bool Matches(JsonObject resource)
            => resource[Attribute] is JsonArray items && items.OfType<JsonObject>().Any(Inner.Matches);
    }

    /// <summary>A comparison; of a list, whether any value matches.</summary>
    /// <param name="Attribute">Its definition.</param>
    /// <param name="Extension">The extension it is in, or null.</param>
    /// <param name="Part">A part of it, or null.</param>
    /// <param name="Operator">In lower case.</param>
    /// <param name="Value">Text, bool, decimal or null; unused with <c>pr</c>.</param>
    public sealed record Compare(ScimAttribute Attribute, string? Extension, ScimAttribute? Part, string Operator, object? Value) : ScimFilter
    {
        public override bool Matches(JsonObject resource)
        {
            var values = Values(Extension is null ? resource : resource[Extension] as JsonObject).ToList();
            return Operator switch
            {
                "pr" => values.Count > 0,
                "ne" => !values.Any(value => Is("eq", value)),
                "eq" when Value is null => values.Count == 0,
                _ => values.Any(value => Is(Operator, value)),
            };
        }

        private IEnumerable<JsonValue> Values(JsonObject? resource)
        {
            var node = resource?[Attribute.Name];
            foreach (var one in node is JsonArray items ? items.ToList() : [node])
            {
                // Of a list of complex values without a part: its "value" (RFC 7644 section 3.4.2.2).
                var leaf = one is JsonObject fields ? fields[(Part ?? Attribute.Part("value"))?.Name ?? ""] : Part is null ? one : null;
                if (leaf is JsonValue value)
                {
                    yield return value;
                }
            }
        }

        private bool Is(string comparison, JsonValue found)
        {
            if (Value is bool flag)
            {
                return comparison == "eq" && found.GetValueKind() is JsonValueKind.True or JsonValueKind.False && found.GetValue<bool>() == flag;
            }

            if (Value is not string text || found.GetValueKind() != JsonValueKind.String)
            {
                return false;
            }

            var own = found.GetValue<string>();
            var leaf = Part ?? Attribute;
            if (leaf.Type == "dateTime")
            {
                return Time(own) is { } at && Time(text) is { } then && Ordered(comparison, at.CompareTo(then));
            }

            var rule = leaf.IsCaseExact ? StringComparison.Ordinal : StringComparison.OrdinalIgnoreCase;
            return comparison switch
            {
                "co" => own.Contains(text, rule),
                "sw" => own.StartsWith(text, rule),
                "ew" => own.EndsWith(text, rule),
                _ => Ordered(comparison, string.Compare(own, text, rule)),
            };
        }

        private static bool Ordered(string comparison, int order) => comparison switch
        {
            "eq" => order == 0,
            "gt" => order > 0,
            "ge" => order >= 0,
            "lt" => order < 0,
            "le" => order <= 0,
            _ => false,
        };

        private static DateTimeOffset? Time(string text)
            => DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : null;
    }
}
