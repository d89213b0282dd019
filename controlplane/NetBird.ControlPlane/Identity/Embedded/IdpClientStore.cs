using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Microsoft.IdentityModel.Tokens;
using NetBird.ControlPlane.Hosting;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace NetBird.ControlPlane.Identity.Embedded;

/// <summary>OpenIddict's view of our clients: fixed, public, held to PKCE. Everything that would change one is refused.</summary>
internal sealed class IdpClientStore(PublicUrl url) : IOpenIddictApplicationStore<IdpClient>
{
    private readonly IdpClient[] _clients = [IdpClient.Agent, IdpClient.Dashboard(url.Value)];

    public ValueTask<long> CountAsync(CancellationToken cancellationToken) => new(_clients.LongLength);

    public ValueTask<IdpClient?> FindByIdAsync(string identifier, CancellationToken cancellationToken)
        => new(Array.Find(_clients, client => client.Id == identifier));

    public ValueTask<IdpClient?> FindByClientIdAsync(string identifier, CancellationToken cancellationToken)
        => FindByIdAsync(identifier, cancellationToken);

    public IAsyncEnumerable<IdpClient> FindByPostLogoutRedirectUriAsync(string uri, CancellationToken cancellationToken)
        => EachAsync(client => client.PostLogoutRedirectUris.Contains(uri), cancellationToken);

    public IAsyncEnumerable<IdpClient> FindByRedirectUriAsync(string uri, CancellationToken cancellationToken)
        => EachAsync(client => client.RedirectUris.Contains(uri), cancellationToken);

    public IAsyncEnumerable<IdpClient> ListAsync(int? count, int? offset, CancellationToken cancellationToken)
        => EachAsync(_ => true, cancellationToken);

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

    public ValueTask<string?> GetDisplayNameAsync(IdpClient application, CancellationToken cancellationToken)
        => new(application.DisplayName);

    public ValueTask<ImmutableDictionary<CultureInfo, string>> GetDisplayNamesAsync(IdpClient application, CancellationToken cancellationToken)
        => new(ImmutableDictionary<CultureInfo, string>.Empty);

    public ValueTask<string?> GetIdAsync(IdpClient application, CancellationToken cancellationToken)
        => new(application.Id);

    public ValueTask<JsonWebKeySet?> GetJsonWebKeySetAsync(IdpClient application, CancellationToken cancellationToken)
        => new((JsonWebKeySet?)null);

    public ValueTask<ImmutableArray<string>> GetPermissionsAsync(IdpClient application, CancellationToken cancellationToken)
        => new(application.Permissions);

    public ValueTask<ImmutableArray<string>> GetPostLogoutRedirectUrisAsync(IdpClient application, CancellationToken cancellationToken)
        => new(application.PostLogoutRedirectUris);

    public ValueTask<ImmutableDictionary<string, JsonElement>> GetPropertiesAsync(IdpClient application, CancellationToken cancellationToken)
        => new(ImmutableDictionary<string, JsonElement>.Empty);

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

    public ValueTask SetDisplayNameAsync(IdpClient application, string? name, CancellationToken cancellationToken)
        => throw Fixed();

    public ValueTask SetDisplayNamesAsync(IdpClient application, ImmutableDictionary<CultureInfo, string> names, CancellationToken cancellationToken)
        => throw Fixed();

    public ValueTask SetJsonWebKeySetAsync(IdpClient application, JsonWebKeySet? set, CancellationToken cancellationToken)
        => throw Fixed();

    public ValueTask SetPermissionsAsync(IdpClient application, ImmutableArray<string> permissions, CancellationToken cancellationToken)
        => throw Fixed();

    public ValueTask SetPostLogoutRedirectUrisAsync(IdpClient application, ImmutableArray<string> uris, CancellationToken cancellationToken)
        => throw Fixed();

    public ValueTask SetPropertiesAsync(IdpClient application, ImmutableDictionary<string, JsonElement> properties, CancellationToken cancellationToken)
        => throw Fixed();

    public ValueTask SetRedirectUrisAsync(IdpClient application, ImmutableArray<string> uris, CancellationToken cancellationToken)
        => throw Fixed();

    public ValueTask SetRequirementsAsync(IdpClient application, ImmutableArray<string> requirements, CancellationToken cancellationToken)
        => throw Fixed();

    public ValueTask SetSettingsAsync(IdpClient application, ImmutableDictionary<string, string> settings, CancellationToken cancellationToken)
        => throw Fixed();

    public ValueTask CreateAsync(IdpClient application, CancellationToken cancellationToken) => throw Fixed();

    public ValueTask DeleteAsync(IdpClient application, CancellationToken cancellationToken) => throw Fixed();

    public ValueTask UpdateAsync(IdpClient application, CancellationToken cancellationToken) => throw Fixed();

    public ValueTask<IdpClient> InstantiateAsync(CancellationToken cancellationToken) => throw Fixed();

    public ValueTask<long> CountAsync<TResult>(
        Func<IQueryable<IdpClient>, IQueryable<TResult>> query, CancellationToken cancellationToken)
        => throw Fixed();

    public ValueTask<TResult?> GetAsync<TState, TResult>(
        Func<IQueryable<IdpClient>, TState, IQueryable<TResult>> query, TState state, CancellationToken cancellationToken)
        => throw Fixed();

    public IAsyncEnumerable<TResult> ListAsync<TState, TResult>(
        Func<IQueryable<IdpClient>, TState, IQueryable<TResult>> query, TState state, CancellationToken cancellationToken)
        => throw Fixed();

    private static NotSupportedException Fixed() => new("The clients of the embedded IdP are fixed.");

    private async IAsyncEnumerable<IdpClient> EachAsync(
        Func<IdpClient, bool> matches, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask;
        foreach (var client in _clients.Where(matches))
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return client;
        }
    }
}
