using System.Collections.Immutable;

namespace NetBird.Policy.Limits;

/// <summary>More room under one cap for a while. Several that hold at once add up.</summary>
/// <param name="Source">Id of the policy or budget rule.</param>
/// <param name="FromRule">The source is a budget rule.</param>
/// <param name="Scope">Which of its caps.</param>
/// <param name="Subject">User or group id; empty: everyone's of that scope.</param>
/// <param name="Unit">Tokens or money.</param>
/// <param name="Amount">What is added to the cap, in <paramref name="Unit"/>; above zero.</param>
/// <param name="From">First moment it holds.</param>
/// <param name="Until">First moment it does not hold any more: it ends by itself, by the time of each request.</param>
public sealed record LimitRaise(
    string Source, bool FromRule, CapScope Scope, string Subject, CapUnit Unit, long Amount, DateTimeOffset From, DateTimeOffset Until)
{
    /// <summary>Whether it holds for a counter at a moment.</summary>
    public bool Holds(in CounterKey counter, DateTimeOffset at)
        => counter.Unit == Unit && counter.Scope == Scope && counter.FromRule == FromRule
            && (Subject.Length == 0 || string.Equals(counter.Subject, Subject, StringComparison.Ordinal))
            && string.Equals(counter.Source, Source, StringComparison.Ordinal)
            && From <= at && at < Until;
}

/// <summary>The raises of a snapshot, seen at one moment.</summary>
/// <param name="All">Every raise there is, past and coming ones too; default: none.</param>
/// <param name="At">The moment.</param>
public readonly record struct RaisesAt(ImmutableArray<LimitRaise> All, DateTimeOffset At)
{
    /// <summary>A cap with every raise that holds for it. The sum stays below the largest value.</summary>
    public long Apply(in CounterKey counter, long cap)
    {
        if (All.IsDefaultOrEmpty)
        {
            return cap;
        }

        foreach (var raise in All)
        {
            if (raise.Holds(counter, At))
            {
                cap += Math.Min(raise.Amount, long.MaxValue - cap);
            }
        }

        return cap;
    }
}
