using System.Collections.Immutable;
using NetBird.Gateway.Authorization;
using NetBird.Policy;
using NetBird.Policy.Limits;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage;

/// <summary>A request that was granted and is not settled yet.</summary>
/// <param name="Asked">What it asked for.</param>
/// <param name="Chosen">What it was granted under.</param>
/// <param name="At">When.</param>
internal sealed record PendingReservation(ReservationRequest Asked, Candidate Chosen, DateTimeOffset At)
{
    /// <summary>Caps that policies which have changed since bring to it; empty where they have not.</summary>
    public ImmutableArray<Cap> CameMeanwhile(PolicySnapshot? current, DateTimeOffset now)
        => current is null || Asked.Policies is not { } then || ReferenceEquals(then, current)
            ? [] : ApplicableCaps.CameMeanwhile(current, Asked.Caller, Chosen, now);

    /// <summary>
    /// Estimates of later requests learn from what this one used, if it used anything and is of a kind that is estimated. Not from one that
    /// was cut: its answer would have been longer.
    /// </summary>
    public void Teach(RequestPricing pricing, TokenUsage used, NanoUsd cost, bool isExact)
    {
        if (isExact && InMemoryReservations.TokensOf(used) > 0 && Asked.Request.Kind is RequestKind.Messages)
        {
            pricing.Learn(Chosen.Provider, Asked.Request, used, cost, At);
        }
    }
}
