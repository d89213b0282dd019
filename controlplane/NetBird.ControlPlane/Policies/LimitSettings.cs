using NetBird.Policy;

namespace NetBird.ControlPlane.Policies;

/// <summary>Limits as administrators keep them: a limit that is switched off keeps its figures.</summary>
internal sealed record LimitSettings(LimitSetting TokenLimit, LimitSetting BudgetLimit)
{
    public static readonly LimitSettings None = new(LimitSetting.Off, LimitSetting.Off);

    /// <summary>What decisions are made by.</summary>
    public PolicyLimits ToLimits() => new(TokenLimit.ToLimit(), BudgetLimit.ToLimit());
}

/// <summary>One limit.</summary>
/// <param name="Enabled">Whether it holds.</param>
/// <param name="GroupCap">Shared by the group; tokens or nano-USD; 0: none.</param>
/// <param name="UserCap">For each person; 0: none.</param>
/// <param name="WindowSeconds">60 s to 366 days.</param>
/// <param name="Strict">Reserve the upper bound, so that the cap is never passed.</param>
/// <param name="Soft">Warns only, refuses nobody.</param>
internal sealed record LimitSetting(bool Enabled, long GroupCap, long UserCap, long WindowSeconds, bool Strict, bool Soft = false)
{
    public const long MinWindowSeconds = 60;
    public const long MaxWindowSeconds = 366 * 86400;

    public static readonly LimitSetting Off = new(false, 0, 0, 86400, false);

    /// <summary>Null when it does not hold, or holds nothing.</summary>
    public Limit? ToLimit() => Enabled && (GroupCap > 0 || UserCap > 0)
        ? new(GroupCap, UserCap, TimeSpan.FromSeconds(WindowSeconds), Strict, Soft)
        : null;
}
