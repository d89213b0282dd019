using NetBird.ControlPlane.Providers;
using NetBird.Gateway.Metering;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage.Reconciling;

/// <summary>Our ledger beside the provider's own report: tokens by day, key and model, money by day and model.</summary>
internal sealed class Reconciliation
{
    private readonly SortedDictionary<(DateOnly Day, string Key, string Model), ReconciledUsage> _usage = [];
    private readonly SortedDictionary<(DateOnly Day, string What), ReconciledCost> _costs = [];
    private readonly Dictionary<string, string> _theirKeys = new(StringComparer.Ordinal);
    private readonly HashSet<string> _compared;
    private readonly string? _onlyKey;

    /// <param name="report">The provider's.</param>
    /// <param name="provider">Ours.</param>
    /// <param name="unseal">The secret of a key, or null.</param>
    public Reconciliation(ProviderReport report, Provider provider, Func<SealedProviderKey, string?> unseal)
    {
        foreach (var key in provider.Keys)
        {
            if (unseal(key) is { } secret && report.Keys.FirstOrDefault(theirs => theirs.Fits(secret)) is { } match)
            {
                _theirKeys[key.Id] = match.Id;
            }
        }

        // Rows from before keys were recorded are of the one key there is.
        _onlyKey = provider.Keys is [var only] ? only.Id : null;
        _compared = [.. _theirKeys.Values];
        foreach (var usage in report.Usage)
        {
            if (_compared.Contains(usage.Key))
            {
                var at = (usage.Day, usage.Key, usage.Model);
                var row = _usage.GetValueOrDefault(at) ?? ReconciledUsage.None;
                _usage[at] = row with { Theirs = row.Theirs + usage.Tokens, TheirSearches = row.TheirSearches + usage.WebSearches };
            }
            else
            {
                OtherTokens += usage.Tokens.Total;
            }
        }

        foreach (var cost in report.Costs)
        {
            var row = _costs.GetValueOrDefault((cost.Day, cost.What)) ?? ReconciledCost.None;
            _costs[(cost.Day, cost.What)] = row with { Theirs = row.Theirs + cost.Cost };
        }
    }

    /// <summary>Keys of ours that the provider's list shows.</summary>
    public IReadOnlyDictionary<string, string> TheirKeys => _theirKeys;

    /// <summary>Tokens of other keys of the same organisation: not compared, but in its cost.</summary>
    public long OtherTokens { get; private set; }

    public IEnumerable<KeyValuePair<(DateOnly Day, string Key, string Model), ReconciledUsage>> Usage => _usage;

    public IEnumerable<KeyValuePair<(DateOnly Day, string What), ReconciledCost>> Costs => _costs;

    /// <summary>Takes a row of ours.</summary>
    public void Note(UsageRecord row)
    {
        if (row.Usage == default && row.Cost.Value == 0)
        {
            return;
        }

        var day = DateOnly.FromDateTime(row.Timestamp.UtcDateTime);
        var ourKey = row.KeyId ?? _onlyKey ?? "";
        var at = (day, _theirKeys.GetValueOrDefault(ourKey, ourKey), row.Model);
        var usage = _usage.GetValueOrDefault(at) ?? ReconciledUsage.None;
        _usage[at] = usage with
        {
            Ours = usage.Ours + row.Usage.Tokens,
            OurSearches = usage.OurSearches + row.Usage.WebSearchRequests,
            Requests = usage.Requests + (row.IsPart ? 0 : 1),
            Interrupted = usage.Interrupted + (row is { Completeness: Completeness.Interrupted, IsPart: false } ? 1 : 0),
        };
        var searches = new NanoUsd(row.Usage.WebSearchRequests * PriceTable.WebSearchNanoUsd);
        var fees = (long)Int128.Min(PriceTable.FeesOf(row.Usage), row.Cost.Value);
        Add(day, row.Model, new(row.Cost.Value - fees));
        if (searches.Value != 0)
        {
            Add(day, "web_search", searches);
        }

        if (fees > searches.Value)
        {
            Add(day, "code_execution", new(fees - searches.Value));
        }
    }

    private void Add(DateOnly day, string what, NanoUsd cost)
    {
        var row = _costs.GetValueOrDefault((day, what)) ?? ReconciledCost.None;
        _costs[(day, what)] = row with { Ours = row.Ours + cost };
    }
}

/// <summary>Tokens of a day, key and model, of both sides.</summary>
/// <param name="Ours">As metered.</param>
/// <param name="Theirs">As reported.</param>
/// <param name="OurSearches">Web searches as metered.</param>
/// <param name="TheirSearches">As reported.</param>
/// <param name="Requests">Of ours.</param>
/// <param name="Interrupted">Those of them whose usage is partly an estimate, which explains a difference.</param>
internal sealed record ReconciledUsage(
    TokenUsage Ours, TokenUsage Theirs, long OurSearches, long TheirSearches, long Requests, long Interrupted)
{
    public static readonly ReconciledUsage None = new(default, default, 0, 0, 0, 0);

    public bool Differs => Ours != Theirs || OurSearches != TheirSearches;
}

/// <summary>Money of a day and model, of both sides.</summary>
/// <param name="Ours">As recorded.</param>
/// <param name="Theirs">As reported, of the whole organisation.</param>
internal sealed record ReconciledCost(NanoUsd Ours, NanoUsd Theirs)
{
    public static readonly ReconciledCost None = new(NanoUsd.Zero, NanoUsd.Zero);

    public bool Differs => Ours != Theirs;
}
