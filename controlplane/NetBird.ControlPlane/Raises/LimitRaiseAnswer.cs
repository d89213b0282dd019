using System.Collections.Immutable;
using NetBird.ControlPlane.Store;
using NetBird.Policy.Limits;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Raises;

/// <summary>A temporary raise as REST gives it; <paramref name="Amount"/> in tokens or dollars.</summary>
internal sealed record LimitRaiseAnswer(
    LimitRaiseId Id,
    string SourceId,
    string SourceName,
    string SourceKind,
    string Scope,
    string SubjectId,
    string SubjectName,
    string Unit,
    decimal Amount,
    DateTimeOffset StartsAt,
    DateTimeOffset EndsAt,
    bool Active,
    string Reason,
    string CreatedBy,
    DateTimeOffset CreatedAt)
{
    public static LimitRaiseAnswer Of(LimitRaiseRecord raise, Func<string, bool, string> sourceName, Func<CapScope, string, string> subjectName, DateTimeOffset now)
        => new(
            raise.Id,
            raise.Source,
            sourceName(raise.Source, raise.FromRule),
            raise.FromRule ? "budget_rule" : "policy",
            raise.Scope switch { CapScope.User => "user", CapScope.Group => "group", _ => "account" },
            raise.Subject,
            subjectName(raise.Scope, raise.Subject),
            raise.Unit is CapUnit.NanoUsd ? "usd" : "tokens",
            raise.Unit is CapUnit.NanoUsd ? new NanoUsd(raise.Amount).ToUsd() : raise.Amount,
            raise.StartsAt,
            raise.EndsAt,
            raise.StartsAt <= now && now < raise.EndsAt,
            raise.Reason,
            raise.CreatedBy,
            raise.CreatedAt);
}

/// <summary>What a configuration says about raises and those they are for.</summary>
internal static class RaisesOfConfiguration
{
    /// <summary>For decisions: every raise, whatever its time, in the order it was given.</summary>
    public static ImmutableArray<LimitRaise> RaisesInPlace(this Configuration configuration)
        => configuration.LimitRaises.IsEmpty
            ? []
            : [.. configuration.LimitRaises.Values.OrderBy(raise => raise.CreatedAt).ThenBy(raise => raise.Id).Select(raise => raise.ToRaise())];

    /// <summary>Name of a policy or budget rule; its id where it is gone.</summary>
    public static string SourceName(this Configuration configuration, string source, bool fromRule)
        => fromRule
            ? BudgetRuleId.TryParse(source, out var rule) && configuration.BudgetRules.TryGetValue(rule, out var ceiling) ? ceiling.Name : source
            : PolicyId.TryParse(source, out var policy) && configuration.Policies.TryGetValue(policy, out var found) ? found.Name : source;

    /// <summary>Name of a person or group; empty for nobody in particular.</summary>
    public static string SubjectName(this Configuration configuration, CapScope scope, string subject) => scope switch
    {
        CapScope.User when UserId.TryParse(subject, out var id) => configuration.Users.GetValueOrDefault(id)?.DisplayName() ?? subject,
        CapScope.Group when GroupId.TryParse(subject, out var id) => configuration.Groups.GetValueOrDefault(id)?.Name ?? subject,
        _ => "",
    };
}
