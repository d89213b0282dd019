using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace NetBird.ControlPlane.Identity.Embedded;

/// <summary>
/// What OpenIddict asks of clients and of scopes alike, where they are fixed in code: they are found and listed, and
/// whatever would change one is refused.
/// </summary>
/// <param name="entries">All there are.</param>
/// <param name="idOf">What identifies one.</param>
/// <param name="nameOf">What people see.</param>
[SuppressMessage("Performance", "CA1822", Justification = "They are members of OpenIddict's interfaces, which the two stores name.")]
internal abstract class FixedStore<T>(IReadOnlyList<T> entries, Func<T, string> idOf, Func<T, string> nameOf)
    where T : class
{
    public ValueTask<long> CountAsync(CancellationToken cancellationToken) => new((long)entries.Count);

    public ValueTask<T?> FindByIdAsync(string identifier, CancellationToken cancellationToken)
        => new(entries.FirstOrDefault(entry => idOf(entry) == identifier));

    public IAsyncEnumerable<T> ListAsync(int? count, int? offset, CancellationToken cancellationToken)
        => EachAsync(_ => true, cancellationToken);

    public ValueTask<string?> GetIdAsync(T entry, CancellationToken cancellationToken) => new(idOf(entry));

    public ValueTask<string?> GetDisplayNameAsync(T entry, CancellationToken cancellationToken) => new(nameOf(entry));

    public ValueTask<ImmutableDictionary<CultureInfo, string>> GetDisplayNamesAsync(T entry, CancellationToken cancellationToken)
        => new(ImmutableDictionary<CultureInfo, string>.Empty);

    public ValueTask<ImmutableDictionary<string, JsonElement>> GetPropertiesAsync(T entry, CancellationToken cancellationToken)
        => new(ImmutableDictionary<string, JsonElement>.Empty);

    public ValueTask SetDisplayNameAsync(T entry, string? name, CancellationToken cancellationToken) => throw Fixed();

    public ValueTask SetDisplayNamesAsync(T entry, ImmutableDictionary<CultureInfo, string> names, CancellationToken cancellationToken)
        => throw Fixed();

    public ValueTask SetPropertiesAsync(T entry, ImmutableDictionary<string, JsonElement> properties, CancellationToken cancellationToken)
        => throw Fixed();

    public ValueTask CreateAsync(T entry, CancellationToken cancellationToken) => throw Fixed();

    public ValueTask UpdateAsync(T entry, CancellationToken cancellationToken) => throw Fixed();

    public ValueTask DeleteAsync(T entry, CancellationToken cancellationToken) => throw Fixed();

    public ValueTask<T> InstantiateAsync(CancellationToken cancellationToken) => throw Fixed();

    public ValueTask<long> CountAsync<TResult>(Func<IQueryable<T>, IQueryable<TResult>> query, CancellationToken cancellationToken)
        => throw Fixed();

    public ValueTask<TResult?> GetAsync<TState, TResult>(
        Func<IQueryable<T>, TState, IQueryable<TResult>> query, TState state, CancellationToken cancellationToken)
        => throw Fixed();

    public IAsyncEnumerable<TResult> ListAsync<TState, TResult>(
        Func<IQueryable<T>, TState, IQueryable<TResult>> query, TState state, CancellationToken cancellationToken)
        => throw Fixed();

    protected static NotSupportedException Fixed() => new("The clients and scopes of the embedded IdP are fixed.");

    protected async IAsyncEnumerable<T> EachAsync(Func<T, bool> matches, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask;
        foreach (var entry in entries.Where(matches))
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return entry;
        }
    }
}
