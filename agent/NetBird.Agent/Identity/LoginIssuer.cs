namespace NetBird.Agent.Identity;

/// <summary>The OIDC issuer that the control plane told us to log in at.</summary>
internal sealed record LoginIssuer(string Issuer, string ClientId, string Scope, bool DeviceCode);
