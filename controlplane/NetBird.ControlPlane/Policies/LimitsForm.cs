using NetBird.ControlPlane.Forms;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Policies;

/// <summary>Reads <c>limits</c> of policies and budget rules.</summary>
internal static class LimitsForm
{
    /// <summary>Highest token cap. Ours: far over any year's use, far under overflow.</summary>
    private const long MaxTokens = 1_000_000_000_000_000;

    /// <summary>Highest money cap, dollars.</summary>
    private const decimal MaxUsd = 1_000_000_000;

    private const int UsdDecimals = 9;

    public static LimitSettings Read(Form form, LimitSettings basis)
    {
        if (form.Part("limits") is not { } limits)
        {
            return basis;
        }

        var read = new LimitSettings(
            ReadTokens(limits.Part("token_limit"), basis.TokenLimit),
            ReadBudget(limits.Part("budget_limit"), basis.BudgetLimit));
        limits.RefuseUnknown();
        return read;
    }

    private static LimitSetting ReadTokens(Form? form, LimitSetting basis)
        => form is null ? basis : Finish(form, ReadCommon(form, basis) with
        {
            GroupCap = form.Whole("group_cap", basis.GroupCap, 0, MaxTokens),
            UserCap = form.Whole("user_cap", basis.UserCap, 0, MaxTokens),
        });

    private static LimitSetting ReadBudget(Form? form, LimitSetting basis)
        => form is null ? basis : Finish(form, ReadCommon(form, basis) with
        {
            GroupCap = ReadUsd(form, "group_cap_usd", basis.GroupCap),
            UserCap = ReadUsd(form, "user_cap_usd", basis.UserCap),
        });

    // A limit that is written down holds unless it says otherwise.
    private static LimitSetting ReadCommon(Form form, LimitSetting basis) => basis with
    {
        Enabled = form.Flag("enabled", true),
        WindowSeconds = form.Whole(
            "window_seconds", basis.WindowSeconds, LimitSetting.MinWindowSeconds, LimitSetting.MaxWindowSeconds),
        Strict = form.Flag("strict", basis.Strict),
        Soft = form.Flag("soft", basis.Soft),
    };

    private static long ReadUsd(Form form, string name, long basis)
        => form.Amount(name, null, MaxUsd, UsdDecimals) is { } usd && NanoUsd.TryFromUsd(usd, out var amount) ? amount.Value : basis;

    private static LimitSetting Finish(Form form, LimitSetting limit)
    {
        form.RefuseUnknown();
        if (limit is { Strict: true, Soft: true })
        {
            form.Fail("soft", "A limit is strict (never passed) or soft (warns only), not both.");
        }

        return limit;
    }
}
