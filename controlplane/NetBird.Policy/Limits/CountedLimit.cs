using NetBird.Primitives;

namespace NetBird.Policy.Limits;

/// <summary>A limit in force, by what its counters count: while it is, nothing that it would count goes past them.</summary>
/// <param name="Source">Id of the policy or budget rule.</param>
/// <param name="FromRule">The source is a budget rule.</param>
/// <param name="PerPerson">Each person's own; else shared.</param>
/// <param name="Unit">Tokens or money.</param>
/// <param name="People">Whom a rule names one by one, where they share it: who is named later brings what he used before.</param>
public readonly record struct CountedLimit(string Source, bool FromRule, bool PerPerson, CapUnit Unit, string People)
{
    /// <summary>
    /// Limits that were in force and are so no more. What is used from now on their counters do not see: should such a limit come back,
    /// they are built from the ledger anew.
    /// </summary>
    public static IReadOnlySet<CountedLimit> Gone(PolicySnapshot before, PolicySnapshot now)
    {
        var gone = Of(before);
        gone.ExceptWith(Of(now));
        return gone;
    }

    /// <summary>Whether a counter is one of this limit's.</summary>
    public bool Counts(in CounterKey counter)
        => counter.Unit == Unit && counter.FromRule == FromRule && (counter.Scope is CapScope.User) == PerPerson
            && string.Equals(counter.Source, Source, StringComparison.Ordinal);

    private static HashSet<CountedLimit> Of(PolicySnapshot snapshot)
    {
        var limits = new HashSet<CountedLimit>();
        foreach (var policy in snapshot.Policies)
        {
            // A policy that is disabled lets nothing past.
            Add(limits, policy.Id.Value, false, policy.Limits, "");
        }

        foreach (var rule in snapshot.BudgetRules)
        {
            if (rule.Enabled)
            {
                Add(limits, rule.Id.Value, true, rule.Limits, string.Join(' ', rule.TargetUsers));
            }
        }

        return limits;
    }

    private static void Add(HashSet<CountedLimit> limits, string source, bool fromRule, PolicyLimits of, string people)
    {
        foreach (var (limit, unit) in ((Limit?, CapUnit)[])[(of.Tokens, CapUnit.Tokens), (of.Money, CapUnit.NanoUsd)])
        {
            if (limit is { UserCap: > 0 })
            {
                limits.Add(new(source, fromRule, true, unit, ""));
            }

            if (limit is { GroupCap: > 0 })
            {
                limits.Add(new(source, fromRule, false, unit, people));
            }
        }
    }
}
