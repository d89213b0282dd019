using System.Collections.Immutable;
using NetBird.Primitives;

namespace NetBird.Policy;

/// <summary>All that decisions depend on, immutable.</summary>
/// <param name="Policies">In order of their creation, which is the order of evaluation.</param>
/// <param name="Guardrails">By id.</param>
/// <param name="BudgetRules">Ceilings over all policies; every one that applies must hold.</param>
/// <param name="Providers">Those that are enabled, with the models they offer (empty: any).</param>
/// <param name="Prices">Dated list prices and each provider's overrides.</param>
/// <param name="Raises">Temporary raises, those that ended or have not begun included; default: none.</param>
public sealed record PolicySnapshot(
    ImmutableArray<AccessPolicy> Policies,
    ImmutableDictionary<GuardrailId, Guardrail> Guardrails,
    ImmutableArray<BudgetRule> BudgetRules,
    ImmutableDictionary<ProviderId, PolicyProvider> Providers,
    Pricing.PriceTable Prices,
    ImmutableArray<Limits.LimitRaise> Raises = default);

/// <summary>Connects source groups to providers, under guardrails and limits.</summary>
public sealed record AccessPolicy(
    PolicyId Id,
    string Name,
    bool Enabled,
    ImmutableSortedSet<GroupId> SourceGroups,
    ImmutableSortedSet<ProviderId> Providers,
    ImmutableArray<GuardrailId> Guardrails,
    PolicyLimits Limits,
    bool AllowBatches = false);

/// <summary>Checks that policies refer to. Null: not checked.</summary>
/// <param name="Id">Our id.</param>
/// <param name="Name">Shown to people.</param>
/// <param name="AllowedModels">Model ids with <c>*</c> for any run of characters; the only ones allowed.</param>
/// <param name="MaxTokens">Ceiling on <c>max_tokens</c>.</param>
/// <param name="Capture">Prompts are kept.</param>
public sealed record Guardrail(
    GuardrailId Id, string Name, ImmutableArray<string>? AllowedModels, long? MaxTokens, PromptCapture? Capture);

/// <summary>A ceiling over all policies for some groups, some people, or, with neither named, everyone.</summary>
public sealed record BudgetRule(
    BudgetRuleId Id,
    string Name,
    bool Enabled,
    ImmutableSortedSet<GroupId> TargetGroups,
    ImmutableSortedSet<UserId> TargetUsers,
    PolicyLimits Limits);

/// <summary>Token and money limits; null is none.</summary>
public sealed record PolicyLimits(Limit? Tokens, Limit? Money);

/// <summary>One limit over a rolling window.</summary>
/// <param name="GroupCap">Shared by the group; tokens or nano-USD; 0 is none.</param>
/// <param name="UserCap">For each person; 0 is none.</param>
/// <param name="Window">60 s to 366 days.</param>
/// <param name="Strict">Reserve the upper bound.</param>
/// <param name="Soft">Warns only: counted and shown like any other, never in the way.</param>
public sealed record Limit(long GroupCap, long UserCap, TimeSpan Window, bool Strict, bool Soft = false);

/// <summary>A provider as policy sees it.</summary>
/// <param name="Id">Our id.</param>
/// <param name="Name">Shown to people.</param>
/// <param name="Models">Model ids it offers; empty means any.</param>
public sealed record PolicyProvider(ProviderId Id, string Name, ImmutableSortedSet<string> Models);
