using Microsoft.OpenApi;
using NetBird.ControlPlane.Forms;

namespace NetBird.ControlPlane.AdminApi;

/// <summary>What may stand in a call's query: the OpenAPI document says it, and nothing else is taken.</summary>
internal sealed record QueryShape(IReadOnlyList<QueryParameter> Parameters)
{
    public static readonly QueryShape Nothing = new([]);

    /// <summary>Why the query is refused; null when it is one that the call knows. A filter that is misspelt would give everything.</summary>
    public IResult? Objection(IQueryCollection query)
    {
        List<FormError>? errors = null;
        foreach (var (name, values) in query)
        {
            if (!Parameters.Any(parameter => parameter.Name == name))
            {
                var meant = Spelling.Closest(name, [.. Parameters.Select(parameter => parameter.Name)]);
                (errors ??= []).Add(new(
                    name.Length <= 64 ? name : "query", "There is no such parameter here." + (meant is null ? "" : $" Did you mean '{meant}'?"), null));
            }
            else if (values.Count > 1)
            {
                (errors ??= []).Add(new(name, "This is given twice.", null));
            }
        }

        return errors is null ? null : Problems.Invalid(errors);
    }

    /// <summary>The parameters as the document has them.</summary>
    public IEnumerable<IOpenApiParameter> Document() => Parameters.Select(parameter => new OpenApiParameter
    {
        Name = parameter.Name,
        In = ParameterLocation.Query,
        Description = parameter.Description,
        Schema = parameter.Schema(),
    });
}

/// <summary>One parameter of a query.</summary>
/// <param name="Name">As it is written.</param>
/// <param name="Description">What it does, for people.</param>
/// <param name="Type">Of its value.</param>
/// <param name="Max">Of a number; it is at least 1.</param>
/// <param name="Choices">What it may be, where that is a closed set.</param>
internal sealed record QueryParameter(
    string Name, string Description, JsonSchemaType Type = JsonSchemaType.String, int? Max = null, IReadOnlyList<string>? Choices = null)
{
    public static readonly QueryParameter ByName = new("name", "The whole name; case does not count.");
    public static readonly QueryParameter BySearch = new("search", "A part of any shown text; case does not count.");
    public static readonly QueryParameter From = new("from", "From this time on, such as 2026-11-24T12:00:00Z.");
    public static readonly QueryParameter To = new("to", "Before this time.");

    public OpenApiSchema Schema() => new()
    {
        Type = Type,
        Minimum = Max is null ? null : "1",
        Maximum = Max?.ToString(System.Globalization.CultureInfo.InvariantCulture),
        Enum = Choices?.Select(choice => (System.Text.Json.Nodes.JsonNode)choice).ToList(),
    };
}

/// <summary>How endpoints say what they take in the query.</summary>
internal static class QueryShapes
{
    /// <summary>These parameters and no others.</summary>
    public static RouteHandlerBuilder Asks(this RouteHandlerBuilder endpoint, params QueryParameter[] parameters)
        => endpoint.WithMetadata(new QueryShape(parameters));

    /// <summary>A list: these filters, and which page of it.</summary>
    public static RouteHandlerBuilder Lists(this RouteHandlerBuilder endpoint, params QueryParameter[] filters)
        => endpoint.Asks([
            .. filters,
            new("page", "Which page, from 1.", JsonSchemaType.Integer, Paging.MaxPage),
            new("page_size", "Rows on a page.", JsonSchemaType.Integer, Paging.MaxSize),
        ]);
}
