using System.Collections.Immutable;
using NetBird.Policy;
using NetBird.Policy.Limits;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace NetBird.Gateway.Authorization;

/// <summary>Reserve, then settle: every cap of a request in one atomic step. In memory on one node, PostgreSQL across.</summary>
public interface IReservations
{
    /// <summary>Takes room under the first candidate whose caps all have it.</summary>
    /// <exception cref="IOException">The counters cannot be read or written; the caller refuses (closed).</exception>
    ValueTask<ReserveOutcome> ReserveAsync(ReservationRequest request, CancellationToken cancellationToken);

    /// <summary>Replaces the reservation by what was used. Safe to call twice; the second does nothing.</summary>
    /// <param name="request">The reservation.</param>
    /// <param name="used">What was used; all zero releases everything.</param>
    /// <param name="cost">Its price.</param>
    /// <param name="isExact">The provider's own figures; estimates of later requests learn from no others.</param>
    ValueTask SettleAsync(RequestId request, RequestUsage used, NanoUsd cost, bool isExact = true);

    /// <summary>The counters of some caps, for limit headers and pages: of now, or as they were at most a second ago.</summary>
    /// <exception cref="IOException">The counters cannot be read.</exception>
    ValueTask<ImmutableArray<CounterReading>> ReadAsync(ImmutableArray<Cap> caps, CancellationToken cancellationToken);

    /// <summary>As <see cref="ReadAsync"/>, with all that was settled before the call.</summary>
    /// <exception cref="IOException">The counters cannot be read.</exception>
    ValueTask<ImmutableArray<CounterReading>> ReadNowAsync(ImmutableArray<Cap> caps, CancellationToken cancellationToken)
        => ReadAsync(caps, cancellationToken);
}

/// <summary>What is to be reserved.</summary>
/// <param name="Id">The request.</param>
/// <param name="Caller">Who calls.</param>
/// <param name="Request">What it asks for.</param>
/// <param name="Candidates">Ways it may be allowed, best first.</param>
/// <param name="Policies">What the candidates come from: caps that others bring while the request runs count it too. Null: none will.</param>
public sealed record ReservationRequest(
    RequestId Id, Caller Caller, ModelRequest Request, ImmutableArray<Candidate> Candidates, PolicySnapshot? Policies = null);

/// <summary>The answer to <see cref="IReservations.ReserveAsync"/>.</summary>
public abstract record ReserveOutcome
{
    private ReserveOutcome()
    {
    }

    /// <summary>There is room under <paramref name="Chosen"/>.</summary>
    public sealed record Granted(Candidate Chosen) : ReserveOutcome;

    /// <summary>No candidate has room; the cap that frees up first is named.</summary>
    /// <param name="Reached">The counter in the way.</param>
    /// <param name="Needed">What the request would have reserved on it.</param>
    /// <param name="RetryAt">When this request would fit, or null when it never can (it needs more than the cap).</param>
    public sealed record Full(CounterReading Reached, long Needed, DateTimeOffset? RetryAt) : ReserveOutcome;
}
