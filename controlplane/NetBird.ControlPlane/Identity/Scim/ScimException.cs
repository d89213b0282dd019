namespace NetBird.ControlPlane.Identity.Scim;

/// <summary>A SCIM request that is refused; <see cref="ScimGate"/> writes it as RFC 7644 section 3.12 has it.</summary>
/// <param name="status">HTTP status.</param>
/// <param name="scimType">A keyword of table 9, or null.</param>
/// <param name="detail">For whoever runs the SCIM client.</param>
internal sealed class ScimException(int status, string? scimType, string detail) : Exception(detail)
{
    public int Status => status;

    public string? ScimType => scimType;

    public static ScimException InvalidFilter(string detail) => new(400, "invalidFilter", detail);

    public static ScimException InvalidPath(string detail) => new(400, "invalidPath", detail);

    public static ScimException InvalidValue(string detail) => new(400, "invalidValue", detail);

    public static ScimException InvalidSyntax(string detail) => new(400, "invalidSyntax", detail);

    public static ScimException NoTarget(string detail) => new(400, "noTarget", detail);

    public static ScimException Mutability(string detail) => new(400, "mutability", detail);

    public static ScimException NotFound(string what) => new(404, null, $"There is no such {what}.");

    public static ScimException Uniqueness(string detail) => new(409, "uniqueness", detail);

    public static ScimException Changed() => new(412, null, "The resource was changed since it was read: read it again (If-Match names another version).");
}
