using NetBird.Gateway.Metering;

namespace NetBird.ControlPlane.Usage.LiteDb;

/// <summary>What a filter can tell a request by, besides its person, its session and its time.</summary>
/// <param name="Groups">All groups of the caller, ids joined by spaces.</param>
/// <param name="Provider">Where it went, or empty.</param>
/// <param name="Policy">The policy charged, or empty.</param>
/// <param name="Model">The model, or empty.</param>
/// <param name="Denied">Refused by us.</param>
internal sealed record SessionFacet(string Groups, string Provider, string Policy, string Model, bool Denied)
{
    public static SessionFacet Of(UsageRecord row) => new(
        string.Join(' ', row.Groups), row.Provider?.Value ?? "", row.Policy?.Value ?? "", row.Model, row.DenyReason is not null);

    public bool Matches(UsageQuery query)
        => (query.Group is null || Groups.Split(' ').Contains(query.Group.Value.Value, StringComparer.Ordinal))
            && (query.Provider is null || Provider == query.Provider.Value.Value)
            && (query.Policy is null || Policy == query.Policy.Value.Value)
            && (query.Model is null || Model == query.Model)
            && (query.Allowed is null || Denied != query.Allowed);
}

/// <summary>Facets by number: a company has some thousand, however many requests. Not thread-safe.</summary>
internal sealed class SessionFacets
{
    private readonly Dictionary<SessionFacet, int> _numbers = [];
    private readonly List<SessionFacet> _facets = [];

    public int Count => _facets.Count;

    public SessionFacet this[int number] => _facets[number];

    public int Number(SessionFacet facet)
    {
        if (!_numbers.TryGetValue(facet, out var number))
        {
            _numbers.Add(facet, number = _facets.Count);
            _facets.Add(facet);
        }

        return number;
    }

    /// <summary>Which of them a query asks for, by number; null: it does not tell them apart.</summary>
    public bool[]? Matching(UsageQuery query)
        => query.IsOfAnyFacet ? null : [.. _facets.Select(facet => facet.Matches(query))];

    public void Clear()
    {
        _numbers.Clear();
        _facets.Clear();
    }
}
