namespace NetBird.ControlPlane.Identity.Embedded.Issued;

/// <summary>Names of the kinds of issued records in a store. Stored: never change.</summary>
internal static class IssuedRecordKinds
{
    public const string Tokens = "tokens";
    public const string Authorizations = "authorizations";

    /// <summary>File of the embedded store in the state directory.</summary>
    public const string LiteDbFileName = "identity.db";
}
