using System.Collections.Immutable;
using NetBird.Primitives;

namespace NetBird.Policy.Limits;

/// <summary>
/// Which caps a caller is under. A policy counts what it let through: a person's usage under it, and a group's as far as
/// requests were charged to that group. A budget rule counts over all policies: all usage of its people, whichever group was charged.
/// </summary>
public static class ApplicableCaps
{
    /// <summary>Whether a policy has a cap that its group shares.</summary>
    public static bool HasGroupCap(PolicyLimits limits) => limits.Tokens is { GroupCap: > 0 } || limits.Money is { GroupCap: > 0 };

    /// <summary>Caps of one policy for one of its groups and a person, with <paramref name="ruleCaps"/> behind them.</summary>
    public static ImmutableArray<Cap> Of(AccessPolicy policy, GroupId group, UserId user, ImmutableArray<Cap> ruleCaps, RaisesAt raises)
    {
        var caps = ImmutableArray.CreateBuilder<Cap>(4 + ruleCaps.Length);
        AddUser(caps, raises, policy.Id.Value, false, policy.Name, policy.Limits, user);
        AddShared(caps, raises, policy.Id.Value, false, policy.Name, policy.Limits, CapScope.Group, group.Value);
        caps.AddRange(ruleCaps);
        return caps.DrainToImmutable();
    }

    /// <summary>
    /// Caps of every budget rule that applies to a caller. A rule's group cap is shared by each target group it names that
    /// the caller is in; for people named one by one it is shared by all those named; with neither, by everyone.
    /// </summary>
    public static ImmutableArray<Cap> OfRules(ImmutableArray<BudgetRule> rules, Caller caller, RaisesAt raises)
    {
        var caps = ImmutableArray.CreateBuilder<Cap>();
        foreach (var rule in rules)
        {
            if (!rule.Enabled)
            {
                continue;
            }

            var named = rule.TargetUsers.Contains(caller.User);
            var everyone = rule.TargetUsers.IsEmpty && rule.TargetGroups.IsEmpty;
            var applies = named || everyone;
            foreach (var group in rule.TargetGroups)
            {
                if (caller.Groups.Contains(group))
                {
                    applies = true;
                    AddShared(caps, raises, rule.Id.Value, true, rule.Name, rule.Limits, CapScope.Group, group.Value);
                }
            }

            if (named || everyone)
            {
                AddShared(caps, raises, rule.Id.Value, true, rule.Name, rule.Limits, CapScope.Account, "");
            }

            if (applies)
            {
                AddUser(caps, raises, rule.Id.Value, true, rule.Name, rule.Limits, caller.User);
            }
        }

        return caps.DrainToImmutable();
    }

    /// <summary>
    /// Caps that have come, while a request ran, to what it is charged to, and count it as they would if they were built from the ledger
    /// afterwards. Those it holds room under are left out.
    /// </summary>
    /// <param name="snapshot">What is in force now.</param>
    /// <param name="caller">Who asked, with the groups of that time.</param>
    /// <param name="charged">What the request was granted under.</param>
    /// <param name="at">Now.</param>
    public static ImmutableArray<Cap> CameMeanwhile(PolicySnapshot snapshot, Caller caller, Candidate charged, DateTimeOffset at)
    {
        var raises = new RaisesAt(snapshot.Raises, at);
        var caps = OfRules(snapshot.BudgetRules, caller, raises);
        foreach (var policy in snapshot.Policies)
        {
            if (policy.Id == charged.Policy)
            {
                caps = Of(policy, charged.Group, caller.User, caps, raises);
            }
        }

        return caps.RemoveAll(cap => charged.Caps.Any(held => held.Counter == cap.Counter));
    }

    /// <summary>The cap of a counter under the limits of its policy or budget rule; null where they have none such any more.</summary>
    public static Cap? Of(CounterKey counter, PolicyLimits limits, string name, RaisesAt raises)
    {
        var limit = counter.Unit is CapUnit.NanoUsd ? limits.Money : limits.Tokens;
        var cap = counter.Scope is CapScope.User ? limit?.UserCap : limit?.GroupCap;
        return limit is null || cap is not > 0
            ? null
            : new(counter, counter.Unit, raises.Apply(counter, cap.Value), limit.Window, limit.Strict, name, limit.Soft);
    }

    private static void AddUser(
        ImmutableArray<Cap>.Builder caps, in RaisesAt raises, string source, bool rule, string name, PolicyLimits limits, UserId user)
    {
        if (limits.Tokens is { UserCap: > 0 } tokens)
        {
            Add(caps, raises, new(source, CapScope.User, user.Value, CapUnit.Tokens, rule), name, tokens.UserCap, tokens);
        }

        if (limits.Money is { UserCap: > 0 } money)
        {
            Add(caps, raises, new(source, CapScope.User, user.Value, CapUnit.NanoUsd, rule), name, money.UserCap, money);
        }
    }

    private static void AddShared(
        ImmutableArray<Cap>.Builder caps, in RaisesAt raises, string source, bool rule, string name, PolicyLimits limits, CapScope scope, string subject)
    {
        if (limits.Tokens is { GroupCap: > 0 } tokens)
        {
            Add(caps, raises, new(source, scope, subject, CapUnit.Tokens, rule), name, tokens.GroupCap, tokens);
        }

        if (limits.Money is { GroupCap: > 0 } money)
        {
            Add(caps, raises, new(source, scope, subject, CapUnit.NanoUsd, rule), name, money.GroupCap, money);
        }
    }

    private static void Add(
        ImmutableArray<Cap>.Builder caps, in RaisesAt raises, CounterKey counter, string name, long cap, Limit limit)
        => caps.Add(new(counter, counter.Unit, raises.Apply(counter, cap), limit.Window, limit.Strict, name, limit.Soft));
}
