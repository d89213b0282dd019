using System.Collections.Immutable;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace NetBird.Policy.Tests;

/// <summary>Short ways to write snapshots and callers.</summary>
internal static class Scene
{
    public static readonly ProviderId Anthropic = new("anthropic");
    public static readonly DateTimeOffset Noon = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);
    public static readonly PolicyLimits NoLimits = new(null, null);

    public static Caller Person(string user, params string[] groups)
        => new(new(user), user + "@example.com", new("peer-" + user), Groups(groups));

    public static ImmutableSortedSet<GroupId> Groups(params string[] groups)
        => [.. groups.Select(group => new GroupId(group))];

    public static AccessPolicy Access(string id, string[] groups, PolicyLimits? limits = null, string[]? guardrails = null)
        => new(
            new(id), id, true, Groups(groups), [Anthropic], [.. (guardrails ?? []).Select(g => new GuardrailId(g))], limits ?? NoLimits);

    public static PolicyLimits Tokens(long groupCap, long userCap, int seconds = 3600, bool strict = false)
        => new(new(groupCap, userCap, TimeSpan.FromSeconds(seconds), strict), null);

    public static PolicyLimits Money(long groupCap, long userCap, int seconds = 3600, bool strict = false)
        => new(null, new(groupCap, userCap, TimeSpan.FromSeconds(seconds), strict));

    public static PolicySnapshot Snapshot(
        IEnumerable<AccessPolicy> policies,
        IEnumerable<Guardrail>? guardrails = null,
        IEnumerable<BudgetRule>? rules = null,
        IEnumerable<PolicyProvider>? providers = null)
        => new(
            [.. policies],
            (guardrails ?? []).ToImmutableDictionary(guardrail => guardrail.Id),
            [.. rules ?? []],
            (providers ?? [new(Anthropic, "Anthropic", [])]).ToImmutableDictionary(provider => provider.Id),
            PriceTable.Default);

    public static ModelRequest Message(string model = "claude-opus-5-5", long? maxTokens = 1024, long bodyBytes = 2048)
        => new(RequestKind.Messages, model, Stream: true, maxTokens, bodyBytes);
}
