namespace NetBird.Agent.Store;

/// <summary>What ties this machine's key to a person: who, until when, and how to renew it.</summary>
internal sealed record EnrolledPeer
{
    public required string PeerId { get; init; }

    public required string UserName { get; init; }

    public string UserEmail { get; init; } = "";

    /// <summary>Null when the login does not expire (setup keys).</summary>
    public DateTimeOffset? LoginExpiresAt { get; init; }

    /// <summary>The issuer that logged the person in; null for a setup key.</summary>
    public string? Issuer { get; init; }

    public string? ClientId { get; init; }

    public string? Scope { get; init; }

    /// <summary>For silent renewal; null when the issuer gave none.</summary>
    public string? RefreshToken { get; init; }

    /// <summary>The refresh token is in the person's keyring and not in the file; here it is null until it was fetched.</summary>
    public bool TokenInKeyring { get; init; }

    /// <summary>Never the refresh token: records print their members.</summary>
    public override string ToString() => $"{UserName} ({PeerId})";
}
