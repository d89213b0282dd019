using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Identity.Embedded;

namespace NetBird.ControlPlane.Identity;

/// <summary>Where and how agents log in.</summary>
/// <param name="Issuer">OIDC issuer.</param>
/// <param name="ClientId">The agents' client there.</param>
/// <param name="Scope">Space separated, RFC 6749 section 3.3.</param>
/// <param name="DeviceCodeSupported">Whether to offer the device code; agents ask the discovery document as well.</param>
internal sealed record LoginOffer(string Issuer, string ClientId, string Scope, bool DeviceCodeSupported)
{
    public static LoginOffer Of(ServeOptions options, PublicUrl url)
        => options.Oidc is { } oidc
            ? new(oidc.Issuer.OriginalString, oidc.ClientId, "openid profile email offline_access", true)
            : new(url.Value.AbsoluteUri, IdpClient.AgentId, "openid profile email groups offline_access", true);
}
