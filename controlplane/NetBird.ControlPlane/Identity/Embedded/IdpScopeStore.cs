using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using OpenIddict.Abstractions;

namespace NetBird.ControlPlane.Identity.Embedded;

/// <summary>A registered scope; there is none, since scopes are listed in the server's settings.</summary>
internal sealed class IdpScope;

/// <summary>OpenIddict asks for a scope store even where scopes are fixed: this one is empty.</summary>
[SuppressMessage("Performance", "CA1822", Justification = "They are members of OpenIddict's interface.")]
internal sealed class IdpScopeStore() : FixedStore<IdpScope>([], _ => "", _ => ""), IOpenIddictScopeStore<IdpScope>
{
    public ValueTask<IdpScope?> FindByNameAsync(string name, CancellationToken cancellationToken) => FindByIdAsync(name, cancellationToken);

    public IAsyncEnumerable<IdpScope> FindByNamesAsync(ImmutableArray<string> names, CancellationToken cancellationToken)
        => EachAsync(_ => true, cancellationToken);

    public IAsyncEnumerable<IdpScope> FindByResourceAsync(string resource, CancellationToken cancellationToken)
        => EachAsync(_ => true, cancellationToken);

    public ValueTask<string?> GetDescriptionAsync(IdpScope scope, CancellationToken cancellationToken) => throw Fixed();

    public ValueTask<ImmutableDictionary<System.Globalization.CultureInfo, string>> GetDescriptionsAsync(IdpScope scope, CancellationToken cancellationToken)
        => throw Fixed();

    public ValueTask<string?> GetNameAsync(IdpScope scope, CancellationToken cancellationToken) => throw Fixed();

    public ValueTask<ImmutableArray<string>> GetResourcesAsync(IdpScope scope, CancellationToken cancellationToken) => throw Fixed();

    public ValueTask SetDescriptionAsync(IdpScope scope, string? description, CancellationToken cancellationToken) => throw Fixed();

    public ValueTask SetDescriptionsAsync(
        IdpScope scope, ImmutableDictionary<System.Globalization.CultureInfo, string> descriptions, CancellationToken cancellationToken)
        => throw Fixed();

    public ValueTask SetNameAsync(IdpScope scope, string? name, CancellationToken cancellationToken) => throw Fixed();

    public ValueTask SetResourcesAsync(IdpScope scope, ImmutableArray<string> resources, CancellationToken cancellationToken) => throw Fixed();
}
