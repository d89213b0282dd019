using System.Collections.Immutable;
using System.Text.Json;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Identity.Directories;

namespace NetBird.ControlPlane.Identity.Tokens;

/// <summary>ID tokens of the company's IdP, checked against the keys it publishes; keys it rotates in are fetched.</summary>
internal sealed class ExternalIdTokens : IIdTokens, IDisposable
{
    // Ours: an unknown key id makes us ask the IdP again, and anyone can send one; so at most this often.
    private static readonly TimeSpan AskAgain = TimeSpan.FromSeconds(10);

    // Keys that the IdP withdrew stop counting after this, also when nothing new was seen.
    private static readonly TimeSpan AskAnyway = TimeSpan.FromHours(1);

    private readonly ExternalIssuer _issuer;
    private readonly IdTokenChecks _checks;
    private readonly GroupDirectory? _directory;

    public ExternalIdTokens(ExternalIssuer issuer, IHttpClientFactory http, TimeProvider time)
    {
        _issuer = issuer;
        Metadata = new ConfigurationManager<OpenIdConnectConfiguration>(
            issuer.Issuer.AbsoluteUri.TrimEnd('/') + "/.well-known/openid-configuration",
            new OpenIdConnectConfigurationRetriever(),
            new HttpDocumentRetriever(http.CreateClient(ClientName)) { RequireHttps = issuer.Issuer.Scheme == Uri.UriSchemeHttps },
            new IssuerValidator(issuer.Issuer))
        {
            RefreshInterval = AskAgain,
            AutomaticRefreshInterval = AskAnyway,
        };
        _checks = new(Metadata, issuer.ClientId, time);
        _directory = issuer.Directory switch
        {
            { Kind: DirectoryKind.Entra } entra => new EntraDirectory(issuer, entra, Metadata.GetConfigurationAsync, http, time),
            { Kind: DirectoryKind.Google } google => new GoogleDirectory(google, http, time),
            _ => null,
        };
    }

    /// <summary>Name of the HTTP client that asks the IdP.</summary>
    public const string ClientName = "oidc";

    /// <summary>The issuer's discovery document and keys.</summary>
    public ConfigurationManager<OpenIdConnectConfiguration> Metadata { get; }

    public void Dispose() => _directory?.Dispose();

    public async Task<TokenOutcome> VerifyAsync(string token, CancellationToken cancellationToken)
    {
        var (payload, refusal) = await _checks.CheckAsync(token, cancellationToken);
        if (refusal is not null)
        {
            return refusal;
        }

        // Left out for their number is not the same as none: with no directory to ask, what is known stays.
        var elsewhere = GroupsClaim.IsElsewhere(payload, _issuer.GroupsClaim);
        ImmutableArray<string>? groups = elsewhere ? null : GroupsClaim.Read(payload, _issuer.GroupsClaim);
        try
        {
            if (_directory?.IsNeeded(payload, elsewhere) == true)
            {
                groups = await _directory.GroupsOfAsync(payload, cancellationToken);
            }
        }
        catch (IOException fault)
        {
            // Groups decide what somebody may do: not known is not the same as unchanged.
            return new TokenOutcome.Unknown(fault.Message + " Try again in a moment.");
        }

        // An address that the IdP says it has not checked could be anyone's.
        var unverified = payload.TryGetProperty("email_verified", out var flag) && flag.ValueKind == JsonValueKind.False;
        return new TokenOutcome.Valid(new(
            payload.Text("iss"), payload.Text("sub"), payload.Text("name"), unverified ? "" : payload.Text("email"), groups));
    }

    /// <summary>OpenID Connect Discovery section 4.3: the document must name the issuer that we asked.</summary>
    private sealed class IssuerValidator(Uri expected) : IConfigurationValidator<OpenIdConnectConfiguration>
    {
        public ConfigurationValidationResult Validate(OpenIdConnectConfiguration configuration)
            => configuration.Issuer?.TrimEnd('/') != expected.AbsoluteUri.TrimEnd('/')
                ? new() { Succeeded = false, ErrorMessage = "The discovery document names another issuer." }
                : configuration.SigningKeys.Count == 0
                    ? new() { Succeeded = false, ErrorMessage = "The issuer publishes no signing keys." }
                    : new() { Succeeded = true };
    }
}
