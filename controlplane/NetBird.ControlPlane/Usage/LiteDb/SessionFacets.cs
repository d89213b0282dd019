using NetBird.Gateway.Metering;

namespace NetBird.ControlPlane.Usage.LiteDb;

/// <summary>What a filter can tell a request by, besides its person, its session and its time.</summary>
/// <param name="Groups">All groups of the caller, ids joined by spaces.</param>
/// <param name="Provider">Where it went, or empty.</param>
/// <param name="Policy">The policy charged, or empty.</param>
/// <param name="Model">
/// The model, or empty; null: any beyond those that are told apart. Filtered by one of those, sessions with another of them are counted too.
/// </param>
/// <param name="Denied">Refused by us.</param>
internal sealed record SessionFacet(string Groups, string Provider, string Policy, string? Model, bool Denied)
{
    public static SessionFacet Of(UsageRecord row) => new(
        string.Join(' ', row.Groups), row.Provider?.Value ?? "", row.Policy?.Value ?? "", row.Model, row.DenyReason is not null);

    public bool Matches(UsageQuery query)
        => (query.Group is null || Groups.Split(' ').Contains(query.Group.Value.Value, StringComparer.Ordinal))
            && (query.Provider is null || Provider == query.Provider.Value.Value)
            && (query.Policy is null || Policy == query.Policy.Value.Value)
            && (query.Model is null || Model is null || Model == query.Model)
            && (query.Allowed is null || Denied != query.Allowed);
}

/// <summary>
/// Facets by number: a company has some thousand, however many requests. What a caller names a model is theirs to choose, so it is told
/// apart for so many names only. Not thread-safe.
/// </summary>
/// <param name="mostModels">How many names of models are told apart.</param>
internal sealed class SessionFacets(int mostModels = int.MaxValue)
{
    /// <summary>Where they stay for a year. Ours: many times the models that all providers list today.</summary>
    public const int MostModels = 1_024;

    private readonly Dictionary<SessionFacet, int> _numbers = [];
    private readonly Dictionary<string, int> _models = new(StringComparer.Ordinal); // how many facets name it
    private readonly List<SessionFacet?> _facets = []; // null: free
    private readonly SortedSet<int> _free = [];
    private readonly SortedSet<int> _unstored = [];

    public int Count => _numbers.Count;

    /// <summary>One that has this number.</summary>
    public SessionFacet this[int number] => _facets[number]!; // not free

    public int Number(SessionFacet facet)
    {
        if (_numbers.TryGetValue(facet, out var number))
        {
            return number;
        }

        if (facet.Model is { } model && _models.Count >= mostModels && !_models.ContainsKey(model))
        {
            return Number(facet with { Model = null });
        }

        number = _free.Count > 0 ? _free.Min : _facets.Count;
        Take(number, facet);
        _unstored.Add(number);
        return number;
    }

    /// <summary>Takes one over from the store, with the number it has there.</summary>
    public void Take(int number, SessionFacet facet)
    {
        for (; _facets.Count <= number; _facets.Add(null))
        {
            _free.Add(_facets.Count);
        }

        _free.Remove(number);
        _facets[number] = facet;
        _numbers[facet] = number;
        if (facet.Model is { } model)
        {
            _models[model] = _models.GetValueOrDefault(model) + 1;
        }
    }

    /// <summary>Those that the store does not have; from here on it does.</summary>
    public List<(int Number, SessionFacet Facet)> Unstored()
    {
        List<(int, SessionFacet)> unstored = [.. _unstored.Select(number => (number, _facets[number]!))]; // none of them is free
        _unstored.Clear();
        return unstored;
    }

    /// <summary>Forgets all but these; the numbers that are free from here on.</summary>
    public List<int> KeepOnly(HashSet<int> used)
    {
        var gone = _numbers.Values.Where(number => !used.Contains(number)).ToList();
        foreach (var number in gone)
        {
            var facet = _facets[number]!; // it has a number
            _numbers.Remove(facet);
            _facets[number] = null;
            _free.Add(number);
            _unstored.Remove(number);
            if (facet.Model is { } model && --_models[model] == 0)
            {
                _models.Remove(model);
            }
        }

        return gone;
    }

    /// <summary>Which of them a query asks for, by number; null: it does not tell them apart.</summary>
    public bool[]? Matching(UsageQuery query)
        => query.IsOfAnyFacet ? null : [.. _facets.Select(facet => facet?.Matches(query) ?? false)];

    public void Clear()
    {
        _numbers.Clear();
        _models.Clear();
        _facets.Clear();
        _free.Clear();
        _unstored.Clear();
    }
}
