namespace NetBird.ControlPlane.AdminApi;

/// <summary>What the host tells administration once, at start.</summary>
internal sealed record AdministrationOptions
{
    /// <summary>Where <c>admin-token</c>, <c>serve.json</c> and the stores lie.</summary>
    public required string StateDirectory { get; init; }

    /// <summary>People log in at the embedded IdP and are made here; false with an IdP of the company.</summary>
    public required bool EmbeddedIdentity { get; init; }

    /// <summary>Where this control plane is reached, for the sample provider's upstream.</summary>
    public required Uri PublicUrl { get; init; }
}
