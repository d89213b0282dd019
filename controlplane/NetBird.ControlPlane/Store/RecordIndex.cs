using System.Collections.Immutable;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Store;

/// <summary>Records by something else than their id. The next version's shares with this one what did not change.</summary>
internal static class RecordIndex
{
    /// <summary>The index after a change.</summary>
    /// <param name="before">The index over the table before the change.</param>
    /// <param name="table">The change.</param>
    /// <param name="keyOf">What a record is found by.</param>
    public static ImmutableDictionary<TKey, T> After<TKey, TId, T>(
        ImmutableDictionary<TKey, T> before, DraftTable<TId, T> table, Func<T, TKey> keyOf)
        where TKey : notnull
        where TId : struct, IIdentifier<TId>
        where T : class, IDocument<TId>
    {
        var (index, touched) = (before.ToBuilder(), table.Touched);
        foreach (var id in touched)
        {
            if (table.Before.TryGetValue(id, out var old) && index.TryGetValue(keyOf(old), out var there) && there.Id.Equals(id))
            {
                index.Remove(keyOf(old));
            }
        }

        foreach (var id in touched)
        {
            if (table.Find(id) is { } value)
            {
                index[keyOf(value)] = value;
            }
        }

        return index.ToImmutable();
    }
}
