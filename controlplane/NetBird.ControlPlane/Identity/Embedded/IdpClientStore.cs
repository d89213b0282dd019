using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using Microsoft.IdentityModel.Tokens;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace NetBird.ControlPlane.Identity.Embedded;

/// <summary>OpenIddict's view of our client: fixed, public, held to PKCE.</summary>
[SuppressMessage("Performance", "CA1822", Justification = "They are members of OpenIddict's interface.")]
internal sealed class IdpClientStore() : FixedStore<IdpClient>([IdpClient.Agent], client => client.Id, client => client.DisplayName), IOpenIddictApplicationStore<IdpClient>
{
    public ValueTask<IdpClient?> FindByClientIdAsync(string identifier, CancellationToken cancellationToken)
        => FindByIdAsync(identifier, cancellationToken);

    public IAsyncEnumerable<IdpClient> FindByPostLogoutRedirectUriAsync(string uri, CancellationToken cancellationToken)
        => EachAsync(client => client.PostLogoutRedirectUris.Contains(uri), cancellationToken);

    public IAsyncEnumerable<IdpClient> FindByRedirectUriAsync(string uri, CancellationToken cancellationToken)
        => EachAsync(client => client.RedirectUris.Contains(uri), cancellationToken);

    public ValueTask<string?> GetApplicationTypeAsync(IdpClient application, CancellationToken cancellationToken)
        => new(application.ApplicationType);

    public ValueTask<string?> GetClientIdAsync(IdpClient application, CancellationToken cancellationToken)
        => new(application.Id);

    public ValueTask<string?> GetClientSecretAsync(IdpClient application, CancellationToken cancellationToken)
        => new((string?)null);

    public ValueTask<string?> GetClientTypeAsync(IdpClient application, CancellationToken cancellationToken)
        => new(ClientTypes.Public);

    public ValueTask<string?> GetConsentTypeAsync(IdpClient application, CancellationToken cancellationToken)
        => new(ConsentTypes.Implicit);

    public ValueTask<JsonWebKeySet?> GetJsonWebKeySetAsync(IdpClient application, CancellationToken cancellationToken)
        => new((JsonWebKeySet?)null);

    public ValueTask<ImmutableArray<string>> GetPermissionsAsync(IdpClient application, CancellationToken cancellationToken)
        => new(application.Permissions);

    public ValueTask<ImmutableArray<string>> GetPostLogoutRedirectUrisAsync(IdpClient application, CancellationToken cancellationToken)
        => new(application.PostLogoutRedirectUris);

    public ValueTask<ImmutableArray<string>> GetRedirectUrisAsync(IdpClient application, CancellationToken cancellationToken)
        => new(application.RedirectUris);

    public ValueTask<ImmutableArray<string>> GetRequirementsAsync(IdpClient application, CancellationToken cancellationToken)
        => new(ImmutableArray.Create(Requirements.Features.ProofKeyForCodeExchange));

    public ValueTask<ImmutableDictionary<string, string>> GetSettingsAsync(IdpClient application, CancellationToken cancellationToken)
        => new(ImmutableDictionary<string, string>.Empty);

    public ValueTask SetApplicationTypeAsync(IdpClient application, string? type, CancellationToken cancellationToken)
        => throw Fixed();

    public ValueTask SetClientIdAsync(IdpClient application, string? identifier, CancellationToken cancellationToken)
        => throw Fixed();

    public ValueTask SetClientSecretAsync(IdpClient application, string? secret, CancellationToken cancellationToken)
        => throw Fixed();

    public ValueTask SetClientTypeAsync(IdpClient application, string? type, CancellationToken cancellationToken)
        => throw Fixed();

    public ValueTask SetConsentTypeAsync(IdpClient application, string? type, CancellationToken cancellationToken)
        => throw Fixed();

    public ValueTask SetJsonWebKeySetAsync(IdpClient application, JsonWebKeySet? set, CancellationToken cancellationToken)
        => throw Fixed();

    public ValueTask SetPermissionsAsync(IdpClient application, ImmutableArray<string> permissions, CancellationToken cancellationToken)
        => throw Fixed();

    public ValueTask SetPostLogoutRedirectUrisAsync(IdpClient application, ImmutableArray<string> uris, CancellationToken cancellationToken)
        => throw Fixed();

    public ValueTask SetRedirectUrisAsync(IdpClient application, ImmutableArray<string> uris, CancellationToken cancellationToken)
        => throw Fixed();

    public ValueTask SetRequirementsAsync(IdpClient application, ImmutableArray<string> requirements, CancellationToken cancellationToken)
        => throw Fixed();

    public ValueTask SetSettingsAsync(IdpClient application, ImmutableDictionary<string, string> settings, CancellationToken cancellationToken)
        => throw Fixed();
}
