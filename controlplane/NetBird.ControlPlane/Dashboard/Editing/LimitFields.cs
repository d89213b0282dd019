using System.Text.Json.Nodes;
using NetBird.ControlPlane.Dashboard.Viewing;
using NetBird.ControlPlane.Policies;
using NetBird.Policy;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Dashboard.Editing;

/// <summary>Limits as the page's fields hold them, and as REST takes them.</summary>
public sealed class LimitFields
{
    public bool TokensOn { get; set; }

    public long TokenGroupCap { get; set; }

    public long TokenUserCap { get; set; }

    public long TokenWindowHours { get; set; } = 24;

    public bool TokensStrict { get; set; }

    public bool MoneyOn { get; set; }

    public decimal MoneyGroupCap { get; set; }

    public decimal MoneyUserCap { get; set; }

    public long MoneyWindowHours { get; set; } = 24;

    public bool MoneyStrict { get; set; }

    internal static LimitFields Of(LimitSettings limits) => new()
    {
        TokensOn = limits.TokenLimit.Enabled,
        TokenGroupCap = limits.TokenLimit.GroupCap,
        TokenUserCap = limits.TokenLimit.UserCap,
        TokenWindowHours = Hours(limits.TokenLimit.WindowSeconds),
        TokensStrict = limits.TokenLimit.Strict,
        MoneyOn = limits.BudgetLimit.Enabled,
        MoneyGroupCap = new NanoUsd(limits.BudgetLimit.GroupCap).ToUsd(),
        MoneyUserCap = new NanoUsd(limits.BudgetLimit.UserCap).ToUsd(),
        MoneyWindowHours = Hours(limits.BudgetLimit.WindowSeconds),
        MoneyStrict = limits.BudgetLimit.Strict,
    };

    private static long Hours(long seconds) => seconds <= 0 ? 24 : Math.Max(1, seconds / 3600);

    public JsonObject ToJson() => new()
    {
        ["token_limit"] = new JsonObject
        {
            ["enabled"] = TokensOn, ["group_cap"] = TokenGroupCap, ["user_cap"] = TokenUserCap,
            ["window_seconds"] = TokenWindowHours * 3600, ["strict"] = TokensStrict,
        },
        ["budget_limit"] = new JsonObject
        {
            ["enabled"] = MoneyOn, ["group_cap_usd"] = MoneyGroupCap, ["user_cap_usd"] = MoneyUserCap,
            ["window_seconds"] = MoneyWindowHours * 3600, ["strict"] = MoneyStrict,
        },
    };

    /// <summary>What a policy's limits say, in a sentence.</summary>
    public static string Sentence(PolicyLimits limits)
    {
        var parts = new List<string>();
        Add(limits.Tokens, value => Figures.Count(value) + " tokens");
        Add(limits.Money, value => Figures.Usd(new NanoUsd(value)));
        return parts.Count == 0 ? "without limit" : string.Join("; ", parts);

        void Add(Limit? limit, Func<long, string> text)
        {
            if (limit is null)
            {
                return;
            }

            var window = $"in any {Figures.Window(limit.Window)}" + (limit.Strict ? ", never exceeded" : "");
            if (limit.UserCap > 0)
            {
                parts.Add($"each person at most {text(limit.UserCap)} {window}");
            }

            if (limit.GroupCap > 0)
            {
                parts.Add($"each group together at most {text(limit.GroupCap)} {window}");
            }
        }
    }
}
