using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using OpenIddict.Abstractions;

namespace NetBird.ControlPlane.Identity.Embedded;

/// <summary>A registered scope; there is none, since scopes are listed in the server's settings.</summary>
internal sealed class IdpScope;

/// <summary>OpenIddict asks for a scope store even where scopes are fixed: this one is empty.</summary>
internal sealed class IdpScopeStore : IOpenIddictScopeStore<IdpScope>
{
    public ValueTask<long> CountAsync(CancellationToken cancellationToken) => new(0L);

    public ValueTask<IdpScope?> FindByIdAsync(string identifier, CancellationToken cancellationToken) => new((IdpScope?)null);

    public ValueTask<IdpScope?> FindByNameAsync(string name, CancellationToken cancellationToken) => new((IdpScope?)null);

    public IAsyncEnumerable<IdpScope> FindByNamesAsync(ImmutableArray<string> names, CancellationToken cancellationToken)
        => AsyncEnumerable.Empty<IdpScope>();

    public IAsyncEnumerable<IdpScope> FindByResourceAsync(string resource, CancellationToken cancellationToken)
        => AsyncEnumerable.Empty<IdpScope>();

    public IAsyncEnumerable<IdpScope> ListAsync(int? count, int? offset, CancellationToken cancellationToken)
        => AsyncEnumerable.Empty<IdpScope>();

    public ValueTask<string?> GetDescriptionAsync(IdpScope scope, CancellationToken cancellationToken) => throw None();

    public ValueTask<ImmutableDictionary<CultureInfo, string>> GetDescriptionsAsync(IdpScope scope, CancellationToken cancellationToken) => throw None();

    public ValueTask<string?> GetDisplayNameAsync(IdpScope scope, CancellationToken cancellationToken) => throw None();

    public ValueTask<ImmutableDictionary<CultureInfo, string>> GetDisplayNamesAsync(IdpScope scope, CancellationToken cancellationToken) => throw None();

    public ValueTask<string?> GetIdAsync(IdpScope scope, CancellationToken cancellationToken) => throw None();

    public ValueTask<string?> GetNameAsync(IdpScope scope, CancellationToken cancellationToken) => throw None();

    public ValueTask<ImmutableDictionary<string, JsonElement>> GetPropertiesAsync(IdpScope scope, CancellationToken cancellationToken) => throw None();

    public ValueTask<ImmutableArray<string>> GetResourcesAsync(IdpScope scope, CancellationToken cancellationToken) => throw None();

    public ValueTask SetDescriptionAsync(IdpScope scope, string? description, CancellationToken cancellationToken)
        => throw None();

    public ValueTask SetDescriptionsAsync(IdpScope scope, ImmutableDictionary<CultureInfo, string> descriptions, CancellationToken cancellationToken)
        => throw None();

    public ValueTask SetDisplayNameAsync(IdpScope scope, string? name, CancellationToken cancellationToken)
        => throw None();

    public ValueTask SetDisplayNamesAsync(IdpScope scope, ImmutableDictionary<CultureInfo, string> names, CancellationToken cancellationToken)
        => throw None();

    public ValueTask SetNameAsync(IdpScope scope, string? name, CancellationToken cancellationToken)
        => throw None();

    public ValueTask SetPropertiesAsync(IdpScope scope, ImmutableDictionary<string, JsonElement> properties, CancellationToken cancellationToken)
        => throw None();

    public ValueTask SetResourcesAsync(IdpScope scope, ImmutableArray<string> resources, CancellationToken cancellationToken)
        => throw None();

    public ValueTask CreateAsync(IdpScope scope, CancellationToken cancellationToken) => throw None();

    public ValueTask DeleteAsync(IdpScope scope, CancellationToken cancellationToken) => throw None();

    public ValueTask UpdateAsync(IdpScope scope, CancellationToken cancellationToken) => throw None();

    public ValueTask<IdpScope> InstantiateAsync(CancellationToken cancellationToken) => throw None();

    public ValueTask<long> CountAsync<TResult>(
        Func<IQueryable<IdpScope>, IQueryable<TResult>> query, CancellationToken cancellationToken)
        => throw None();

    public ValueTask<TResult?> GetAsync<TState, TResult>(
        Func<IQueryable<IdpScope>, TState, IQueryable<TResult>> query, TState state, CancellationToken cancellationToken)
        => throw None();

    public IAsyncEnumerable<TResult> ListAsync<TState, TResult>(
        Func<IQueryable<IdpScope>, TState, IQueryable<TResult>> query, TState state, CancellationToken cancellationToken)
        => throw None();

    private static NotSupportedException None() => new("The embedded IdP has no registered scopes.");
}
