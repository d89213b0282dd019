namespace NetBird.Policy.Limits;

/// <summary>What a request would take from caps: an estimate for the default kind, the upper bound for the strict.</summary>
/// <param name="Tokens">Estimated tokens.</param>
/// <param name="NanoUsd">Estimated cost.</param>
/// <param name="BoundTokens">The most tokens it can use.</param>
/// <param name="BoundNanoUsd">The most it can cost.</param>
public readonly record struct Demand(long Tokens, long NanoUsd, long BoundTokens, long BoundNanoUsd)
{
    /// <summary>
    /// What is reserved on one cap. An estimate over the whole cap is taken as the whole cap: it might be wrong, so a
    /// counter with nothing on it lets one such request through, and no other beside it. A bound is never cut.
    /// </summary>
    public long On(Cap cap)
    {
        var money = cap.Unit is CapUnit.NanoUsd;
        return cap.Strict
            ? money ? BoundNanoUsd : BoundTokens
            : Math.Min(cap.Limit, money ? NanoUsd : Tokens);
    }
}
