namespace NetBird.Policy.Limits;

/// <summary>The answer to <see cref="ReservationBook.Reserve"/>.</summary>
public abstract record BookOutcome
{
    private BookOutcome()
    {
    }

    /// <summary>Room was taken under <paramref name="Chosen"/>.</summary>
    public sealed record Granted(Candidate Chosen) : BookOutcome;

    /// <summary>No candidate has room; of the one that will have it first, the cap that frees up last.</summary>
    /// <param name="Reached">The counter in the way.</param>
    /// <param name="Needed">What the request would have reserved on it.</param>
    /// <param name="RetryAt">When it would fit; null when it needs more than the cap.</param>
    public sealed record Full(CounterReading Reached, long Needed, DateTimeOffset? RetryAt) : BookOutcome;
}

/// <summary>How far a reservation was from the truth, worst cap of each unit.</summary>
/// <param name="UnderTokens">Tokens used beyond what was reserved.</param>
/// <param name="UnderNanoUsd">Cost beyond what was reserved.</param>
/// <param name="OverTokens">Tokens by which a cap is passed now; never more than requests in flight were underestimated by.</param>
/// <param name="OverNanoUsd">Cost by which a cap is passed now.</param>
public readonly record struct Settlement(long UnderTokens, long UnderNanoUsd, long OverTokens, long OverNanoUsd)
{
    /// <summary>With one more cap taken into account.</summary>
    public Settlement With(Cap cap, long under, long over) => cap.Unit is CapUnit.NanoUsd
        ? this with { UnderNanoUsd = Math.Max(UnderNanoUsd, under), OverNanoUsd = Math.Max(OverNanoUsd, over) }
        : this with { UnderTokens = Math.Max(UnderTokens, under), OverTokens = Math.Max(OverTokens, over) };
}
