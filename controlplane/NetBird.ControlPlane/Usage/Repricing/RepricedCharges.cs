using NetBird.Gateway.Metering;
using NetBird.Policy;
using NetBird.Policy.Limits;

namespace NetBird.ControlPlane.Usage;

/// <summary>Requests that were priced anew, as the counters of limits look for them.</summary>
internal sealed class RepricedCharges
{
    private readonly List<UsageRecord> _all;
    private readonly ILookup<string, UsageRecord> _byUser;
    private readonly ILookup<string, UsageRecord> _byCharged;
    private readonly ILookup<string, UsageRecord> _byGroup;

    /// <param name="changed">Rows with the cost that was theirs, and what they cost now.</param>
    public RepricedCharges(IReadOnlyCollection<(UsageRecord Row, RowPrice Now)> changed)
    {
        Changed = changed;

        // As if each were a request that costs the difference.
        _all = [.. changed.Where(change => change.Now.Cost != change.Row.Cost).Select(change => change.Row with { Cost = new(change.Now.Cost.Value - change.Row.Cost.Value) })];
        _byUser = _all.ToLookup(row => row.User?.Value ?? "", StringComparer.Ordinal);
        _byCharged = _all.ToLookup(row => row.ChargedGroup?.Value ?? "", StringComparer.Ordinal);
        _byGroup = _all.SelectMany(row => row.Groups.Select(group => (Group: group.Value, Row: row))).ToLookup(one => one.Group, one => one.Row, StringComparer.Ordinal);
    }

    public IReadOnlyCollection<(UsageRecord Row, RowPrice Now)> Changed { get; }

    /// <summary>What a counter of money has to be told, by the rules by which <see cref="ChargeHistory"/> builds it.</summary>
    public IEnumerable<PastUsage> Of(CounterKey counter, PolicySnapshot? policies)
    {
        var rows = (counter.Scope, counter.FromRule) switch
        {
            (CapScope.User, _) => _byUser[counter.Subject],
            (CapScope.Group, false) => _byCharged[counter.Subject],
            (CapScope.Group, true) => _byGroup[counter.Subject],
            _ => _all,
        };
        var people = counter is { FromRule: true, Scope: CapScope.Account }
            ? policies?.BudgetRules.FirstOrDefault(rule => rule.Id.Value == counter.Source)?.TargetUsers
            : null;
        return from row in rows
               where counter.FromRule || row.Policy?.Value == counter.Source
               where people is null or { IsEmpty: true } || (row.User is { } user && people.Contains(user))
               select new PastUsage(row.Timestamp + row.Duration, row.Cost.Value);
    }
}
