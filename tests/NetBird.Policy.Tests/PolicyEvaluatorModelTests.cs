using System.Collections.Immutable;
using System.Text.RegularExpressions;
using CsCheck;
using NetBird.Policy.Limits;
using NetBird.Primitives;
using static NetBird.Policy.Tests.Scene;

namespace NetBird.Policy.Tests;

/// <summary>The evaluator against the rules written down again, plainly, over every small account there is by chance.</summary>
public sealed class PolicyEvaluatorModelTests
{
    private static readonly string[] GroupNames = ["g0", "g1", "g2", "g3"];
    private static readonly string[] ModelNames = ["claude-opus-5-5", "claude-sonnet-5", "claude-haiku-4-5"];

    private static readonly Gen<string[]> SomeGroups = OneOf(GroupNames).Array[0, 3].Select(g => g.Distinct().ToArray());

    private static readonly Gen<PolicyLimits> SomeLimits = Gen.Select(
        Gen.Int[0, 2], Gen.Int[0, 2], Gen.Int[0, 2], Gen.Int[0, 2], Gen.Bool,
        (gt, ut, gm, um, strict) => new PolicyLimits(
            gt + ut == 0 ? null : new(gt * 100, ut * 10, TimeSpan.FromHours(1), strict),
            gm + um == 0 ? null : new(gm * 1_000, um * 500, TimeSpan.FromDays(1), !strict)));

    private static readonly Gen<Guardrail> SomeGuardrail = Gen.Select(
        Gen.Int[0, 3],
        OneOf<string>("*", "claude-*-5", "claude-opus-5-5", "claude-h*").Array[0, 2],
        OneOf<long?>(null, 100, 5_000),
        OneOf<PromptCapture?>(null, new(true), new(false)),
        (id, models, max, capture) => new Guardrail(new($"rail{id}"), $"Rail {id}", models.Length == 0 ? null : [.. models], max, capture));

    private static readonly Gen<AccessPolicy> SomePolicy = Gen.Select(
        Gen.Select(Gen.Int[0, 1000], Gen.Bool, SomeGroups, Gen.Int[0, 3]),
        Gen.Select(Gen.Int[0, 4].Array[0, 3], SomeLimits, Gen.Bool),
        (a, b) => new AccessPolicy(
            new($"p{a.Item1}"),
            $"Policy {a.Item1}",
            a.Item2,
            Groups(a.Item3),
            [.. Enumerable.Range(0, a.Item4).Select(i => new ProviderId($"prov{i}"))],
            [.. b.Item1.Distinct().Select(i => new GuardrailId($"rail{i}"))],
            b.Item2,
            b.Item3));

    private static readonly Gen<BudgetRule> SomeRule = Gen.Select(
        Gen.Int[0, 1000], Gen.Bool, SomeGroups, Gen.Int[0, 3], SomeLimits,
        (id, enabled, groups, users, limits) => new BudgetRule(
            new($"r{id}"),
            $"Rule {id}",
            enabled,
            Groups(groups),
            users == 0 ? [] : [new UserId(users == 1 ? "ann" : "bob")],
            limits));

    private static readonly Gen<PolicySnapshot> SomeSnapshot = Gen.Select(
        SomePolicy.Array[0, 5], SomeGuardrail.Array[0, 5], SomeRule.Array[0, 4], OneOf<string?>(null, "none", "claude-opus-5-5").Array[0, 3],
        (policies, rails, rules, providers) => Snapshot(
            policies,
            rails.DistinctBy(rail => rail.Id),
            rules,
            providers.Select((model, i) => new PolicyProvider(new($"prov{i}"), "P", model is null ? [] : [model]))));

    private static readonly Gen<ModelRequest> SomeRequest = Gen.Select(
        Gen.Enum<RequestKind>(),
        OneOf<string>([.. ModelNames, ""]),
        OneOf<long?>(null, 100, 101, 64_000),
        Gen.Select(OneOf<string>([.. ModelNames]), OneOf<long?>(null, 100, 64_000)).Array[0, 3],
        Gen.Bool,
        Gen.Select(OneOf<string>([.. ModelNames]).Array[0, 2], Gen.Int[0, 9]),
        (kind, model, max, items, creates, others) => new ModelRequest(kind, model, true, max, 1_000)
        {
            OtherModels = others.Item2 > 6 ? default : [.. others.Item1],
            AnyFallback = others.Item2 == 0,
            ProviderTools = creates && kind is RequestKind.Messages or RequestKind.CountTokens,
            Batch = kind == RequestKind.Batches && creates
                ? [.. items.Select(item => new ModelRequest(RequestKind.Messages, item.Item1, false, item.Item2, 500))]
                : null,
        });

    private static Gen<T> OneOf<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    [Fact]
    public void Evaluate_AnyAccountAndRequest_AgreesWithTheRules()
        => Gen.Select(SomeSnapshot, SomeGroups, SomeRequest).Sample(
            (snapshot, groups, request) =>
            {
                var caller = Person("ann", groups);
                var expected = Expected(snapshot, caller, request);
                var actual = PolicyEvaluator.Evaluate(snapshot, caller, request);
                return actual is PolicyDecision.Allowed allowed
                    ? Text(allowed.Candidates) == Text(expected)
                    : expected.Count == 0;
            },
            iter: 30_000);

    private static List<Candidate> Expected(PolicySnapshot snapshot, Caller caller, ModelRequest request)
    {
        if (request.Kind is RequestKind.Other or RequestKind.BatchResult or RequestKind.Part)
        {
            return [];
        }

        var paid = request.Kind is RequestKind.Messages or RequestKind.Batches;
        return (
            from policy in snapshot.Policies
            where policy.Enabled
            where request.Kind != RequestKind.Batches || policy.AllowBatches
            let rails = policy.Guardrails.Select(id => snapshot.Guardrails.GetValueOrDefault(id)).ToList()
            where rails.All(rail => rail is not null && Holds(rail, request))
            let captures = rails.Select(rail => rail!.Capture).OfType<PromptCapture>().ToList()
            let groups = policy.SourceGroups.Intersect(caller.Groups).OrderBy(g => g.Value, StringComparer.Ordinal).ToList()
            let grouped = paid && (policy.Limits.Tokens?.GroupCap > 0 || policy.Limits.Money?.GroupCap > 0)
            from pair in groups.Take(grouped ? int.MaxValue : 1)
            from provider in policy.Providers.OrderBy(p => p.Value, StringComparer.Ordinal)
            where snapshot.Providers.TryGetValue(provider, out var known) && Offers(known, request)
            where !paid || (request.Batch is null && !request.ProviderTools) || !CapsOf(policy, pair, caller).Concat(snapshot.BudgetRules.SelectMany(rule => CapsOf(rule, caller))).Any(cap => cap.Strict)
            select new Candidate(
                policy.Id,
                policy.Name,
                pair,
                provider,
                paid ? [.. CapsOf(policy, pair, caller), .. snapshot.BudgetRules.SelectMany(rule => CapsOf(rule, caller))] : [],
                captures.Count == 0 ? null : new(captures.Any(c => c.RedactPii)))).ToList();
    }

    private static bool Holds(Guardrail rail, ModelRequest request)
        => request.Kind == RequestKind.Batches ? (request.Batch ?? []).All(one => Holds(rail, one)) : (rail.AllowedModels is not { } models || AllLike(models, request))
            && (rail.MaxTokens is not { } most || request.Kind is RequestKind.CountTokens or RequestKind.Models
                || (request.MaxOutputTokens is { } asked && asked <= most));

    private static bool Offers(PolicyProvider provider, ModelRequest request)
        => request.Kind == RequestKind.Batches ? (request.Batch ?? []).All(one => Offers(provider, one)) : provider.Models.IsEmpty || AllLike(provider.Models, request);

    private static bool AllLike(IReadOnlyCollection<string> patterns, ModelRequest request)
        => (Nameless(request) || patterns.Any(m => Like(m, request.Model)))
            && (request.OtherModels.IsDefault || request.OtherModels.All(other => patterns.Any(m => Like(m, other))))
            && (!request.AnyFallback || patterns.Any(m => m is "*"));

    private static bool Nameless(ModelRequest request) => request.Kind == RequestKind.Models && request.Model == "";

    private static bool Like(string pattern, string model)
        => Regex.IsMatch(model, "^" + Regex.Escape(pattern).Replace("\\*", ".*", StringComparison.Ordinal) + "$");

    private static IEnumerable<Cap> CapsOf(AccessPolicy policy, GroupId group, Caller caller)
        => Each(policy.Limits, policy.Id.Value, policy.Name, false, CapScope.User, caller.User.Value, l => l.UserCap)
            .Concat(Each(policy.Limits, policy.Id.Value, policy.Name, false, CapScope.Group, group.Value, l => l.GroupCap));

    private static IEnumerable<Cap> CapsOf(BudgetRule rule, Caller caller)
    {
        var groups = rule.TargetGroups.Intersect(caller.Groups).ToList();
        var pool = rule.TargetUsers.Contains(caller.User) || (rule.TargetUsers.IsEmpty && rule.TargetGroups.IsEmpty);
        if (!rule.Enabled || (groups.Count == 0 && !pool))
        {
            return [];
        }

        return groups.SelectMany(g => Each(rule.Limits, rule.Id.Value, rule.Name, true, CapScope.Group, g.Value, l => l.GroupCap))
            .Concat(pool ? Each(rule.Limits, rule.Id.Value, rule.Name, true, CapScope.Account, "", l => l.GroupCap) : [])
            .Concat(Each(rule.Limits, rule.Id.Value, rule.Name, true, CapScope.User, caller.User.Value, l => l.UserCap));
    }

    private static IEnumerable<Cap> Each(
        PolicyLimits limits, string source, string name, bool rule, CapScope scope, string subject, Func<Limit, long> most)
        => from pair in new[] { (Limit: limits.Tokens, Unit: CapUnit.Tokens), (Limit: limits.Money, Unit: CapUnit.NanoUsd) }
           where pair.Limit is not null && most(pair.Limit) > 0
           select new Cap(
               new(source, scope, subject, pair.Unit, rule), pair.Unit, most(pair.Limit!), pair.Limit!.Window, pair.Limit.Strict, name);

    private static string Text(IEnumerable<Candidate> candidates)
        => string.Join('\n', candidates.Select(c => $"{c with { Caps = [] }} {string.Join(';', c.Caps)}"));
}
