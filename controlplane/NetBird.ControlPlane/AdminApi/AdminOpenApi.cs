using Microsoft.OpenApi;

namespace NetBird.ControlPlane.AdminApi;

/// <summary>The OpenAPI document of the REST API at <c>/openapi/v1.json</c>.</summary>
internal static class AdminOpenApi
{
    private const string Scheme = "token";

    public static void AddAdminOpenApi(this IServiceCollection services)
    {
        // The document's names come from the same rules as the answers'.
        services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.PropertyNamingPolicy = AdminJson.Options.PropertyNamingPolicy;
            foreach (var converter in AdminJson.Options.Converters)
            {
                json.SerializerOptions.Converters.Add(converter);
            }
        });
        services.AddOpenApi("v1", options =>
        {
            options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_0;
            options.ShouldInclude = description => description.RelativePath?.StartsWith("api/", StringComparison.Ordinal) == true;
            options.AddDocumentTransformer((document, _, _) =>
            {
                document.Info.Title = "NetBird control plane";
                document.Info.Description = "Administration of keyless access to Claude Code. Errors are problem details (RFC 9457).";
                document.Servers?.Clear();
                document.Components ??= new();
                document.Components.SecuritySchemes ??= new Dictionary<string, IOpenApiSecurityScheme>();
                document.Components.SecuritySchemes[Scheme] = new OpenApiSecurityScheme
                {
                    Type = SecuritySchemeType.ApiKey,
                    In = ParameterLocation.Header,
                    Name = "Authorization",
                    Description = "A personal access token: 'Token nbp_...'.",
                };
                document.Security = [new() { [new OpenApiSecuritySchemeReference(Scheme, document)] = [] }];
                return Task.CompletedTask;
            });
            options.AddOperationTransformer((operation, context, _) =>
            {
                operation.OperationId = OperationIdOf(context.Description.HttpMethod ?? "", context.Description.RelativePath ?? "");
                if (context.Description.ActionDescriptor.EndpointMetadata.OfType<RequestShape>().LastOrDefault() is { } shape)
                {
                    operation.RequestBody = shape.Document(context.ApplicationServices);
                }

                if (context.Description.ActionDescriptor.EndpointMetadata.OfType<QueryShape>().LastOrDefault() is { } query)
                {
                    operation.Parameters = [.. operation.Parameters ?? [], .. query.Document()];
                }

                return Task.CompletedTask;
            });
            options.AddSchemaTransformer((schema, context, _) =>
            {
                // Identifiers are plain strings outside.
                if (context.JsonTypeInfo.Type is { IsValueType: true } type
                    && Array.Exists(type.GetInterfaces(), face => face.IsGenericType
                        && face.GetGenericTypeDefinition() == typeof(NetBird.Primitives.IIdentifier<>)))
                {
                    schema.Type = JsonSchemaType.String;
                    schema.Pattern = "^[A-Za-z0-9_.-]{1,64}$";
                }

                return Task.CompletedTask;
            });
        });
    }

    // GET api/users/{id}/tokens -> get_users_id_tokens: unique, and stable under refactoring.
    private static string OperationIdOf(string method, string path)
        => (method + path["api".Length..]).ToLowerInvariant().Replace('/', '_').Replace('-', '_')
            .Replace("{", "", StringComparison.Ordinal).Replace("}", "", StringComparison.Ordinal);
}
