using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Identity.Embedded;
using NetBird.ControlPlane.Users;

namespace NetBird.ControlPlane.Identity.Tokens;

/// <summary>ID tokens of the embedded IdP, checked against its own keys without a way over the network.</summary>
internal sealed class EmbeddedIdTokens : IIdTokens
{
    private readonly IdTokenChecks _checks;

    public EmbeddedIdTokens(IdpKeys keys, PublicUrl url, TimeProvider time)
    {
        var configuration = new OpenIdConnectConfiguration { Issuer = url.Value.AbsoluteUri };
        foreach (var key in keys.Signing)
        {
            configuration.SigningKeys.Add(key);
        }

        _checks = new(new StaticConfigurationManager<OpenIdConnectConfiguration>(configuration), IdpClient.AgentId, time);
    }

    public async Task<TokenOutcome> VerifyAsync(string token, CancellationToken cancellationToken)
    {
        var (payload, refusal) = await _checks.CheckAsync(token, cancellationToken);
        return refusal ?? new TokenOutcome.Valid(new(
            User.EmbeddedIssuer, payload.Text("sub"), payload.Text("name"), payload.Text("email"), Groups: null));
    }
}
