using NetBird.Primitives;

namespace NetBird.ControlPlane.Policies;

/// <summary>A policy as REST gives it.</summary>
internal sealed record PolicyAnswer(
    PolicyId Id,
    string Name,
    string Description,
    bool Enabled,
    IEnumerable<GroupId> SourceGroups,
    IEnumerable<ProviderId> DestinationProviderIds,
    IEnumerable<GuardrailId> GuardrailIds,
    LimitsAnswer Limits,
    bool AllowBatches,
    DateTimeOffset CreatedAt,
    DateTimeOffset UpdatedAt)
{
    public static PolicyAnswer Of(PolicyRecord policy) => new(
        policy.Id, policy.Name, policy.Description, policy.Enabled, policy.SourceGroups, policy.Providers, policy.Guardrails,
        LimitsAnswer.Of(policy.Limits), policy.AllowBatches, policy.CreatedAt, policy.ModifiedAt);
}

/// <summary><c>limits</c> as REST gives them.</summary>
internal sealed record LimitsAnswer(TokenLimitAnswer TokenLimit, BudgetLimitAnswer BudgetLimit)
{
    public static LimitsAnswer Of(LimitSettings limits) => new(
        new(limits.TokenLimit.Enabled, limits.TokenLimit.GroupCap, limits.TokenLimit.UserCap,
            limits.TokenLimit.WindowSeconds, limits.TokenLimit.Strict, limits.TokenLimit.Soft),
        new(limits.BudgetLimit.Enabled, new NanoUsd(limits.BudgetLimit.GroupCap).ToUsd(), new NanoUsd(limits.BudgetLimit.UserCap).ToUsd(),
            limits.BudgetLimit.WindowSeconds, limits.BudgetLimit.Strict, limits.BudgetLimit.Soft));
}

/// <summary>A token limit; a cap of 0 is none.</summary>
internal sealed record TokenLimitAnswer(bool Enabled, long GroupCap, long UserCap, long WindowSeconds, bool Strict, bool Soft);

/// <summary>A money limit in dollars; a cap of 0 is none.</summary>
internal sealed record BudgetLimitAnswer(bool Enabled, decimal GroupCapUsd, decimal UserCapUsd, long WindowSeconds, bool Strict, bool Soft);

/// <summary>A guardrail as REST gives it.</summary>
internal sealed record GuardrailAnswer(
    GuardrailId Id, string Name, string Description, ChecksAnswer Checks, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt)
{
    public static GuardrailAnswer Of(GuardrailRecord guardrail) => new(
        guardrail.Id,
        guardrail.Name,
        guardrail.Description,
        new(
            new(guardrail.AllowlistEnabled, guardrail.AllowedModels),
            new(guardrail.CaptureEnabled, guardrail.CaptureRedactPii),
            new(guardrail.MaxTokensEnabled, guardrail.MaxTokens)),
        guardrail.CreatedAt,
        guardrail.ModifiedAt);
}

/// <summary><c>checks</c> of a guardrail.</summary>
internal sealed record ChecksAnswer(AllowlistAnswer ModelAllowlist, CaptureAnswer PromptCapture, MaxTokensAnswer MaxTokens);

/// <summary>The only models allowed; <c>*</c> stands for any run of characters.</summary>
internal sealed record AllowlistAnswer(bool Enabled, IEnumerable<string> Models);

/// <summary>Prompts are kept.</summary>
internal sealed record CaptureAnswer(bool Enabled, bool RedactPii);

/// <summary>Ceiling on <c>max_tokens</c>.</summary>
internal sealed record MaxTokensAnswer(bool Enabled, long Limit);

/// <summary>A budget rule as REST gives it.</summary>
internal sealed record BudgetRuleAnswer(
    BudgetRuleId Id,
    string Name,
    bool Enabled,
    IEnumerable<GroupId> TargetGroups,
    IEnumerable<UserId> TargetUsers,
    LimitsAnswer Limits,
    DateTimeOffset CreatedAt,
    DateTimeOffset UpdatedAt)
{
    public static BudgetRuleAnswer Of(BudgetRuleRecord rule) => new(
        rule.Id, rule.Name, rule.Enabled, rule.TargetGroups, rule.TargetUsers, LimitsAnswer.Of(rule.Limits), rule.CreatedAt, rule.ModifiedAt);
}
