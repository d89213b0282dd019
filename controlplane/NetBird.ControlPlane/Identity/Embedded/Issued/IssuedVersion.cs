namespace NetBird.ControlPlane.Identity.Embedded.Issued;

/// <summary>What the two stores share.</summary>
internal static class IssuedVersion
{
    public static string New() => Guid.NewGuid().ToString("N");

    /// <summary>OpenIddict's managers never ask free queries; only an application's own code would.</summary>
    public static NotSupportedException NoQueries() => new("The embedded IdP's stores answer no free queries.");
}
