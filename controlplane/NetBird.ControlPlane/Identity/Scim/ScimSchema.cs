using System.Text.Json.Nodes;

namespace NetBird.ControlPlane.Identity.Scim;

/// <summary>What we keep of a resource type, and how what was sent becomes that: names in their canonical form, types checked, the rest left out.</summary>
internal sealed class ScimSchema(string id, string name, IReadOnlyList<ScimAttribute> attributes)
{
    public const string UserId = "urn:ietf:params:scim:schemas:core:2.0:User";
    public const string GroupId = "urn:ietf:params:scim:schemas:core:2.0:Group";
    public const string EnterpriseId = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    public const string ListId = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
    public const string ErrorId = "urn:ietf:params:scim:api:messages:2.0:Error";
    public const string PatchId = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

    private const int LongestText = 1024;
    private const int MostValues = 20_000;

    /// <summary>RFC 7643 section 3.1: of every resource; not listed in a schema.</summary>
    private static readonly ScimAttribute[] Common =
    [
        new("schemas") { IsMany = true, Mutability = "readOnly" },
        new("id") { Mutability = "readOnly", IsCaseExact = true },
        new("externalId") { IsCaseExact = true },
        new("meta", "complex")
        {
            Mutability = "readOnly",
            Parts =
            [
                new("resourceType") { Mutability = "readOnly" }, new("created", "dateTime") { Mutability = "readOnly" },
                new("lastModified", "dateTime") { Mutability = "readOnly" }, new("location") { Mutability = "readOnly" }, new("version") { Mutability = "readOnly" },
            ],
        },
    ];

    public static readonly ScimSchema Enterprise = new(EnterpriseId, "Enterprise User",
        [new("employeeNumber"), new("costCenter"), new("organization"), new("division"), new("department")]);

    public static readonly ScimSchema User = new(UserId, "User",
    [
        new("userName") { IsRequired = true, Uniqueness = "server" },
        new("name", "complex") { Parts = [new("formatted"), new("familyName"), new("givenName"), new("middleName")] },
        new("displayName"),
        new("nickName"),
        new("title"),
        new("userType"),
        new("preferredLanguage"),
        new("locale"),
        new("timezone"),
        new("active", "boolean"),
        new("emails", "complex") { IsMany = true, Parts = [new("value"), new("display"), new("type"), new("primary", "boolean")] },
        new("groups", "complex")
        {
            IsMany = true,
            Mutability = "readOnly",
            Parts = [new("value") { Mutability = "readOnly" }, new("$ref", "reference") { Mutability = "readOnly" }, new("display") { Mutability = "readOnly" }, new("type") { Mutability = "readOnly" }],
        },
    ]) { Extension = Enterprise };

    public static readonly ScimSchema Group = new(GroupId, "Group",
    [
        new("displayName") { IsRequired = true, Uniqueness = "server" },
        new("members", "complex")
        {
            IsMany = true,
            Parts = [new("value") { IsCaseExact = true }, new("$ref", "reference"), new("display") { Mutability = "readOnly" }, new("type")],
        },
    ]);

    public string Id => id;

    public string Name => name;

    public ScimSchema? Extension { get; init; }

    /// <summary>An attribute by its name, with or without its schema's URN before it; null: we do not keep it.</summary>
    public ScimAttribute? Find(string attribute)
        => Common.Concat(attributes).FirstOrDefault(known => string.Equals(known.Name, attribute, StringComparison.OrdinalIgnoreCase));

    public JsonObject Describe(string url) => new()
    {
        ["schemas"] = new JsonArray("urn:ietf:params:scim:schemas:core:2.0:Schema"),
        ["id"] = id,
        ["name"] = name,
        ["description"] = name,
        ["attributes"] = new JsonArray([.. attributes.Select(attribute => attribute.Describe())]),
        ["meta"] = new JsonObject { ["resourceType"] = "Schema", ["location"] = $"{url}/Schemas/{id}" },
    };

    /// <summary>What of a resource is kept: unknown and read-only attributes are left out (RFC 7644 sections 3.3 and 3.5.1).</summary>
    /// <exception cref="ScimException">A value is of a wrong type, or too much.</exception>
    public JsonObject Accept(JsonObject sent)
    {
        var kept = new JsonObject();
        foreach (var (field, value) in sent)
        {
            if (Extension is not null && string.Equals(field, Extension.Id, StringComparison.OrdinalIgnoreCase))
            {
                if (value is JsonObject inner && Extension.Accept(inner) is { Count: > 0 } extended)
                {
                    kept[Extension.Id] = extended;
                }
            }
            else if (Find(field) is { IsReadOnly: false } attribute && Value(attribute, value) is { } accepted)
            {
                if (!kept.TryAdd(attribute.Name, accepted))
                {
                    throw ScimException.InvalidSyntax($"{attribute.Name} is there twice.");
                }
            }
        }

        return kept;
    }

    /// <summary>One attribute's value in its canonical form; null for none (null and empty lists are none, RFC 7643 section 2.5).</summary>
    public static JsonNode? Value(ScimAttribute attribute, JsonNode? value)
    {
        if (value is null)
        {
            return null;
        }

        if (!attribute.IsMany)
        {
            return Single(attribute, value);
        }

        var items = value is JsonArray array ? array.ToList() : [value];
        if (items.Count > MostValues)
        {
            throw ScimException.InvalidValue($"{attribute.Name} has more than {MostValues} values.");
        }

        var kept = new JsonArray();
        foreach (var item in items)
        {
            if (item is not null && Single(attribute, item) is { } one)
            {
                kept.Add(one);
            }
        }

        return kept.Count > 0 ? kept : null;
    }

    private static JsonNode? Single(ScimAttribute attribute, JsonNode value)
    {
        if (attribute.Type == "complex")
        {
            // Entra sends one text for a list of complex values: it is the value's "value" (RFC 7643 section 2.4).
            if (value is JsonValue && attribute.Part("value") is not null)
            {
                value = new JsonObject { ["value"] = value.DeepClone() };
            }

            if (value is not JsonObject fields)
            {
                throw ScimException.InvalidValue($"{attribute.Name} is an object.");
            }

            var kept = new JsonObject();
            foreach (var (field, inner) in fields)
            {
                if (attribute.Part(field) is { IsReadOnly: false } part && inner is not null)
                {
                    kept[part.Name] = Single(part, inner);
                }
            }

            return kept.Count > 0 ? kept : null;
        }

        if (attribute.Type == "boolean")
        {
            return value.GetValueKind() switch
            {
                System.Text.Json.JsonValueKind.True => true,
                System.Text.Json.JsonValueKind.False => false,

                // Entra ID sends "True" and "False" as texts.
                System.Text.Json.JsonValueKind.String when bool.TryParse(value.GetValue<string>(), out var flag) => flag,
                _ => throw ScimException.InvalidValue($"{attribute.Name} is true or false."),
            };
        }

        if (value.GetValueKind() is not System.Text.Json.JsonValueKind.String || value.GetValue<string>() is not { } text)
        {
            throw ScimException.InvalidValue($"{attribute.Name} is a text.");
        }

        return text.Length > LongestText || text.Any(char.IsControl)
            ? throw ScimException.InvalidValue($"{attribute.Name} has at most {LongestText} characters and no control characters.")
            : JsonValue.Create(text);
    }
}
