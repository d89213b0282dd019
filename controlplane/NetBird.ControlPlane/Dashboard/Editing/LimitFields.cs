using System.Text.Json.Nodes;
using NetBird.ControlPlane.Policies;
using NetBird.Policy;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Dashboard.Editing;

/// <summary>Limits as the page's fields hold them, and as REST takes them.</summary>
public sealed class LimitFields
{
    private const long Day = 86400;

    public bool TokensOn { get; set; }

    public long TokenGroupCap { get; set; }

    public long TokenUserCap { get; set; }

    public long TokenWindowSeconds { get; set; } = Day;

    public WhenReached TokensWhenReached { get; set; }

    public bool MoneyOn { get; set; }

    public decimal MoneyGroupCap { get; set; }

    public decimal MoneyUserCap { get; set; }

    public long MoneyWindowSeconds { get; set; } = 30 * Day;

    public WhenReached MoneyWhenReached { get; set; }

    internal static LimitFields Of(LimitSettings limits) => new()
    {
        TokensOn = limits.TokenLimit.Enabled,
        TokenGroupCap = limits.TokenLimit.GroupCap,
        TokenUserCap = limits.TokenLimit.UserCap,
        TokenWindowSeconds = limits.TokenLimit.WindowSeconds,
        TokensWhenReached = When(limits.TokenLimit),
        MoneyOn = limits.BudgetLimit.Enabled,
        MoneyGroupCap = new NanoUsd(limits.BudgetLimit.GroupCap).ToUsd(),
        MoneyUserCap = new NanoUsd(limits.BudgetLimit.UserCap).ToUsd(),
        MoneyWindowSeconds = limits.BudgetLimit.WindowSeconds,
        MoneyWhenReached = When(limits.BudgetLimit),
    };

    /// <summary>What the fields come to, for a sentence; an amount that REST would refuse counts as none.</summary>
    internal PolicyLimits ToLimits() => new(
        Limit(TokensOn, TokenGroupCap, TokenUserCap, TokenWindowSeconds, TokensWhenReached),
        Limit(MoneyOn, Nano(MoneyGroupCap), Nano(MoneyUserCap), MoneyWindowSeconds, MoneyWhenReached));

    public JsonObject ToJson() => new()
    {
        ["token_limit"] = new JsonObject
        {
            ["enabled"] = TokensOn, ["group_cap"] = TokenGroupCap, ["user_cap"] = TokenUserCap,
            ["window_seconds"] = TokenWindowSeconds,
            ["strict"] = TokensWhenReached is WhenReached.NeverPassed, ["soft"] = TokensWhenReached is WhenReached.WarnOnly,
        },
        ["budget_limit"] = new JsonObject
        {
            ["enabled"] = MoneyOn, ["group_cap_usd"] = MoneyGroupCap, ["user_cap_usd"] = MoneyUserCap,
            ["window_seconds"] = MoneyWindowSeconds,
            ["strict"] = MoneyWhenReached is WhenReached.NeverPassed, ["soft"] = MoneyWhenReached is WhenReached.WarnOnly,
        },
    };

    private static Limit? Limit(bool on, long group, long user, long seconds, WhenReached when)
        => on && (group > 0 || user > 0) ? new(group, user, TimeSpan.FromSeconds(seconds), when is WhenReached.NeverPassed, when is WhenReached.WarnOnly) : null;

    private static WhenReached When(LimitSetting limit)
        => limit.Strict ? WhenReached.NeverPassed : limit.Soft ? WhenReached.WarnOnly : WhenReached.Refuse;

    private static long Nano(decimal usd) => NanoUsd.TryFromUsd(usd, out var amount) ? amount.Value : 0;
}
