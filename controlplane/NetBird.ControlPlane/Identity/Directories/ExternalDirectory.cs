namespace NetBird.ControlPlane.Identity.Directories;

/// <summary>Where a person's groups are asked for when the token does not say them.</summary>
/// <param name="Kind">Whose API it is.</param>
/// <param name="Url">Its base URL; another one than the provider's own in tests and national clouds.</param>
/// <param name="CredentialsFile">Google: a service account's JSON file. Entra ID uses the client's secret.</param>
/// <param name="Administrator">Google: the administrator whom the service account stands in for; else empty.</param>
internal sealed record ExternalDirectory(DirectoryKind Kind, Uri Url, string? CredentialsFile, string Administrator)
{
    /// <summary>The provider's own address.</summary>
    public static Uri UsualUrl(DirectoryKind kind) => new(kind switch
    {
        DirectoryKind.Entra => "https://graph.microsoft.com/v1.0",
        _ => "https://admin.googleapis.com/admin/directory/v1",
    });
}

/// <summary>Directories that we can ask.</summary>
internal enum DirectoryKind
{
    /// <summary>Microsoft Graph, asked when the token's claim names too many groups (<c>_claim_names</c>).</summary>
    Entra = 1,

    /// <summary>Google's Directory API, asked at every login: its tokens never carry groups.</summary>
    Google = 2,
}
