using System.Collections.Concurrent;
using System.Collections.Immutable;
using NetBird.Gateway.Authorization;
using NetBird.Policy.Limits;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage.Warnings;

/// <summary>Reservations that note which counters were charged, or full, for <see cref="LimitWatch"/>. Changes no answer.</summary>
internal sealed class WatchedReservations(IReservations inner, ChargedCounters charged) : IReservations
{
    private readonly ConcurrentDictionary<RequestId, ImmutableArray<Cap>> _open = new();

    public async ValueTask<ReserveOutcome> ReserveAsync(ReservationRequest request, CancellationToken cancellationToken)
    {
        var outcome = await inner.ReserveAsync(request, cancellationToken);
        switch (outcome)
        {
            case ReserveOutcome.Granted { Chosen.Caps: { IsDefaultOrEmpty: false } caps }:
                _open[request.Id] = caps;
                break;
            case ReserveOutcome.Full full:
                // Who is refused charges nothing; what filled the counter may have been charged before this process looked.
                charged.Note([full.Reached.Cap.Counter]);
                break;
        }

        return outcome;
    }

    public async ValueTask SettleAsync(RequestId request, RequestUsage used, NanoUsd cost, bool isExact = true)
    {
        try
        {
            await inner.SettleAsync(request, used, cost, isExact);
        }
        finally
        {
            if (_open.TryRemove(request, out var caps))
            {
                charged.Note(caps.Select(cap => cap.Counter));
            }
        }
    }

    public ValueTask<ImmutableArray<CounterReading>> ReadAsync(ImmutableArray<Cap> caps, CancellationToken cancellationToken)
        => inner.ReadAsync(caps, cancellationToken);

    public ValueTask<ImmutableArray<CounterReading>> ReadNowAsync(ImmutableArray<Cap> caps, CancellationToken cancellationToken)
        => inner.ReadNowAsync(caps, cancellationToken);
}
