using System.Text.Json.Nodes;

namespace NetBird.ControlPlane.Identity.Scim;

/// <summary>An attribute of a resource (RFC 7643 section 7).</summary>
/// <param name="Name">Canonical; names are compared whatever their case.</param>
/// <param name="Type">string, boolean, complex, reference or dateTime.</param>
internal sealed record ScimAttribute(string Name, string Type = "string")
{
    public bool IsMany { get; init; }

    public bool IsRequired { get; init; }

    public bool IsCaseExact { get; init; }

    public string Mutability { get; init; } = "readWrite";

    public string Uniqueness { get; init; } = "none";

    public string Returned { get; init; } = "default";

    public IReadOnlyList<ScimAttribute> Parts { get; init; } = [];

    public bool IsReadOnly => Mutability == "readOnly";

    public ScimAttribute? Part(string name) => Parts.FirstOrDefault(part => string.Equals(part.Name, name, StringComparison.OrdinalIgnoreCase));

    /// <summary>As <c>/Schemas</c> gives it.</summary>
    public JsonObject Describe()
    {
        var described = new JsonObject
        {
            ["name"] = Name,
            ["type"] = Type,
            ["multiValued"] = IsMany,
            ["description"] = Name,
            ["required"] = IsRequired,
            ["caseExact"] = IsCaseExact,
            ["mutability"] = Mutability,
            ["returned"] = Returned,
            ["uniqueness"] = Uniqueness,
        };
        if (Parts.Count > 0)
        {
            described["subAttributes"] = new JsonArray([.. Parts.Select(part => part.Describe())]);
        }

        if (Type == "reference")
        {
            described["referenceTypes"] = new JsonArray("User", "Group");
        }

        return described;
    }
}
