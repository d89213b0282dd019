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

    public bool TokensStrict { get; set; }

    public bool MoneyOn { get; set; }

    public decimal MoneyGroupCap { get; set; }

    public decimal MoneyUserCap { get; set; }

    public long MoneyWindowSeconds { get; set; } = 30 * Day;

    public bool MoneyStrict { get; set; }

    internal static LimitFields Of(LimitSettings limits) => new()
    {
        TokensOn = limits.TokenLimit.Enabled,
        TokenGroupCap = limits.TokenLimit.GroupCap,
        TokenUserCap = limits.TokenLimit.UserCap,
        TokenWindowSeconds = limits.TokenLimit.WindowSeconds,
        TokensStrict = limits.TokenLimit.Strict,
        MoneyOn = limits.BudgetLimit.Enabled,
        MoneyGroupCap = new NanoUsd(limits.BudgetLimit.GroupCap).ToUsd(),
        MoneyUserCap = new NanoUsd(limits.BudgetLimit.UserCap).ToUsd(),
        MoneyWindowSeconds = limits.BudgetLimit.WindowSeconds,
        MoneyStrict = limits.BudgetLimit.Strict,
    };

    /// <summary>What the fields come to, for a sentence; an amount that REST would refuse counts as none.</summary>
    internal PolicyLimits ToLimits() => new(
        Limit(TokensOn, TokenGroupCap, TokenUserCap, TokenWindowSeconds, TokensStrict),
        Limit(MoneyOn, Nano(MoneyGroupCap), Nano(MoneyUserCap), MoneyWindowSeconds, MoneyStrict));

    public JsonObject ToJson() => new()
    {
        ["token_limit"] = new JsonObject
        {
            ["enabled"] = TokensOn, ["group_cap"] = TokenGroupCap, ["user_cap"] = TokenUserCap,
            ["window_seconds"] = TokenWindowSeconds, ["strict"] = TokensStrict,
        },
        ["budget_limit"] = new JsonObject
        {
            ["enabled"] = MoneyOn, ["group_cap_usd"] = MoneyGroupCap, ["user_cap_usd"] = MoneyUserCap,
            ["window_seconds"] = MoneyWindowSeconds, ["strict"] = MoneyStrict,
        },
    };

    private static Limit? Limit(bool on, long group, long user, long seconds, bool strict)
        => on && (group > 0 || user > 0) ? new(group, user, TimeSpan.FromSeconds(seconds), strict) : null;

    private static long Nano(decimal usd) => NanoUsd.TryFromUsd(usd, out var amount) ? amount.Value : 0;
}
