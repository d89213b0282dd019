using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using NetBird.ControlPlane.Forms;
using NetBird.ControlPlane.Store;

namespace NetBird.ControlPlane.AdminApi;

/// <summary>Which form a call's body is read by: the OpenAPI document says what that form asks for, and nothing else.</summary>
internal sealed record RequestShape(Action<Form, References, IServiceProvider> Read)
{
    /// <summary>The body as the document has it.</summary>
    public OpenApiRequestBody Document(IServiceProvider services) => new()
    {
        Required = true,
        Content = new Dictionary<string, OpenApiMediaType>
        {
            ["application/json"] = new()
            {
                Schema = Object(FormShape.Of(form => Read(form, new(new ConfigurationDraft(Configuration.Empty), byName: false), services))),
            },
        },
    };

    private static OpenApiSchema Object(FormShape shape) => new()
    {
        Type = JsonSchemaType.Object,
        AdditionalPropertiesAllowed = false,
        Required = shape.Fields.Where(field => field.Required).Select(field => field.Name).ToHashSet(StringComparer.Ordinal),
        Properties = shape.Fields.ToDictionary(field => field.Name, Schema, StringComparer.Ordinal),
    };

    private static IOpenApiSchema Schema(FieldShape field)
    {
        if (field.Kind is not { } kind)
        {
            return new OpenApiSchema { ReadOnly = true, Description = "Of an answer: it may be sent back, and is not read." };
        }

        var schema = new OpenApiSchema { Type = TypeOf(kind, field) };
        switch (kind)
        {
            case FormKind.Object when field.Part is { } part:
                schema = Object(part);
                break;
            case FormKind.Array:
                schema.Items = field.Part is { } item ? Object(item) : Text(new() { Type = JsonSchemaType.String }, field);
                break;
            case FormKind.String:
                Text(schema, field);
                break;
            case FormKind.Number:
                (schema.Minimum, schema.Maximum) = (Number(field.Min), Number(field.Max));
                break;
        }

        // Null is as good as nothing, where nothing will do.
        schema.Type |= field.Required ? 0 : JsonSchemaType.Null;
        return schema;
    }

    private static OpenApiSchema Text(OpenApiSchema schema, FieldShape field)
    {
        (schema.MinLength, schema.MaxLength) = (field.MinLength, field.MaxLength);
        schema.Format = field.Time ? "date-time" : null;
        schema.Enum = field.Choices?.Select(choice => (JsonNode)choice).ToList();
        return schema;
    }

    private static JsonSchemaType TypeOf(FormKind kind, FieldShape field) => kind switch
    {
        FormKind.Object => JsonSchemaType.Object,
        FormKind.Array => JsonSchemaType.Array,
        FormKind.Boolean => JsonSchemaType.Boolean,
        FormKind.Number => field.Whole ? JsonSchemaType.Integer : JsonSchemaType.Number,
        _ => JsonSchemaType.String,
    };

    private static string? Number(decimal? number) => number?.ToString(CultureInfo.InvariantCulture);
}

/// <summary>How endpoints say what they take.</summary>
internal static class RequestShapes
{
    /// <param name="endpoint">A call with a JSON body.</param>
    /// <param name="read">Its form's reader, over an empty account.</param>
    public static RouteHandlerBuilder Takes(this RouteHandlerBuilder endpoint, Action<Form, References, IServiceProvider> read)
        => endpoint.WithMetadata(new RequestShape(read));
}
