using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Store;

/// <summary>One kind of record inside a change: reads show what the change did so far.</summary>
internal sealed class DraftTable<TId, T>(string kind, ImmutableDictionary<TId, T> before) : IDraftTable
    where TId : struct, IIdentifier<TId>
    where T : class, IDocument<TId>
{
    private readonly ImmutableDictionary<TId, T>.Builder _now = before.ToBuilder();
    private readonly SortedDictionary<TId, bool> _touched = [];
    private readonly HashSet<TId> _loaded = [];

    /// <summary>Every record as the change has it now.</summary>
    public IEnumerable<T> All => _now.Values;

    /// <summary>Every record as it was before the change.</summary>
    public ImmutableDictionary<TId, T> Before => before;

    /// <summary>What the change put, removed or took over from the store.</summary>
    public IReadOnlySet<TId> Touched => _loaded.Count == 0 ? _touched.Keys.ToHashSet() : _touched.Keys.Concat(_loaded).ToHashSet();

    public int Count => _now.Count;

    public T this[TId id] => _now[id];

    public bool Contains(TId id) => _now.ContainsKey(id);

    public T? Find(TId id) => _now.GetValueOrDefault(id);

    /// <summary>A record by something that an index of the version before knows it by.</summary>
    /// <param name="known">What the index says; null: nothing.</param>
    /// <param name="matches">Whether a record is the one, as the change has it now.</param>
    public T? FindBy(TId? known, Func<T, bool> matches)
        => known is { } id && Find(id) is { } found && matches(found)
            ? found
            : Touched.Select(Find).OfType<T>().FirstOrDefault(matches);

    public bool TryGet(TId id, [NotNullWhen(true)] out T? value) => _now.TryGetValue(id, out value);

    /// <summary>Adds or replaces.</summary>
    /// <param name="value">The whole record.</param>
    /// <param name="audited">False only for signs of life, such as a last-seen time: nobody decided them.</param>
    public void Put(T value, bool audited = true)
    {
        _now[value.Id] = value;
        Touch(value.Id, audited);
    }

    /// <summary>False: there is none.</summary>
    /// <param name="id">Which.</param>
    /// <param name="audited">False only for what ends by itself and was nobody's decision.</param>
    public bool Remove(TId id, bool audited = true)
    {
        if (!_now.Remove(id))
        {
            return false;
        }

        Touch(id, audited);
        return true;
    }

    /// <summary>Takes a record over from the store: not a change of ours.</summary>
    public void Load(T value)
    {
        _now[value.Id] = value;
        _loaded.Add(value.Id);
    }

    /// <summary>Takes over from the store that a record is gone.</summary>
    public void Unload(TId id)
    {
        _now.Remove(id);
        _loaded.Add(id);
    }

    public ImmutableDictionary<TId, T> ToImmutable() => _now.ToImmutable();

    IEnumerable<DocumentChange> IDraftTable.Changes()
    {
        foreach (var (id, audited) in _touched)
        {
            var old = before.GetValueOrDefault(id);
            var value = _now.GetValueOrDefault(id);
            var oldJson = old is null ? null : JsonSerializer.Serialize(old, StoreJson.Options);
            var json = value is null ? null : JsonSerializer.Serialize(value, StoreJson.Options);
            if (json != oldJson)
            {
                yield return new(kind, id.Value, (value ?? old)!.Label, oldJson, json, audited);
            }
        }
    }

    void IDraftTable.KeepUnchanged()
    {
        foreach (var id in _touched.Keys.ToList())
        {
            if (before.TryGetValue(id, out var old) && _now.TryGetValue(id, out var value) && Untimed(old) == Untimed(value))
            {
                _now[id] = old;
                _touched.Remove(id);
            }
        }
    }

    private static string Untimed(T record)
    {
        var node = JsonSerializer.SerializeToNode(record, StoreJson.Options)!.AsObject(); // a record is an object
        node.Remove("modified_at");
        return node.ToJsonString();
    }

    private void Touch(TId id, bool audited) => _touched[id] = audited || _touched.GetValueOrDefault(id);
}

/// <summary>What the store asks of every table of a change.</summary>
internal interface IDraftTable
{
    /// <summary>Records whose stored form differs from before.</summary>
    IEnumerable<DocumentChange> Changes();

    /// <summary>Takes back puts that changed no more than the time of modification.</summary>
    void KeepUnchanged();
}

/// <summary>One record that a change adds (<paramref name="Before"/> null), replaces or removes (<paramref name="After"/> null).</summary>
internal sealed record DocumentChange(string Kind, string Id, string Label, string? Before, string? After, bool Audited);
