using System.Text.Json.Nodes;

namespace NetBird.ControlPlane.Tests.AdminApi.OpenApi;

/// <summary>A call with a body, as the served document has it.</summary>
internal sealed record DocumentedCall(HttpMethod Method, string Path, JsonObject Schema)
{
    public static IEnumerable<DocumentedCall> Of(JsonNode document)
        => from path in document["paths"]!.AsObject()
           from operation in path.Value!.AsObject()
           let schema = operation.Value!["requestBody"]?["content"]?["application/json"]?["schema"] as JsonObject
           where schema is not null
           select new DocumentedCall(HttpMethod.Parse(operation.Key), path.Key, schema);

    /// <summary>Fields that are read, with their schema.</summary>
    public static IEnumerable<(string Name, JsonObject Schema)> Read(JsonObject schema)
        => (schema["properties"]?.AsObject() ?? []).Where(field => (bool?)field.Value!["readOnly"] != true).Select(field => (field.Key, field.Value!.AsObject()));

    public static IEnumerable<string> Required(JsonObject schema) => (schema["required"]?.AsArray() ?? []).Select(name => (string)name!);

    /// <summary>A body with every field that is read, each by its schema or by what is known of it.</summary>
    /// <param name="known">Values that a schema cannot tell: ids, addresses, secrets; by the field's name.</param>
    public JsonObject Example(IReadOnlyDictionary<string, JsonNode?> known) => Example(Schema, known);

    /// <summary>A value of another type than the schema's.</summary>
    public static JsonNode WrongFor(JsonObject schema) => (string?)schema["type"] switch
    {
        "string" => new JsonArray(1),
        "object" or "array" => JsonValue.Create(7),
        _ => JsonValue.Create("seven"),
    };

    private static JsonObject Example(JsonObject schema, IReadOnlyDictionary<string, JsonNode?> known)
    {
        var example = new JsonObject();
        foreach (var (name, field) in Read(schema))
        {
            if (known.TryGetValue(name, out var value))
            {
                if (value is not null)
                {
                    example[name] = value.DeepClone();
                }

                continue;
            }

            example[name] = (string?)field["type"] switch
            {
                "object" => Example(field, known),
                "array" => field["items"] is JsonObject { } items && (string?)items["type"] == "object" ? new JsonArray(Example(items, known)) : [],
                "boolean" => false,
                "integer" => (long?)field["minimum"] ?? 1,
                "number" => 0.5,
                _ when field["enum"] is JsonArray choices => choices[0]!.DeepClone(),
                _ when (string?)field["format"] == "date-time" => "2027-01-02T03:04:05Z",
                _ => "text",
            };
        }

        return example;
    }
}
