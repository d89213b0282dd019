using System.Collections.Concurrent;
using System.Collections.Immutable;
using NetBird.Gateway.Authorization;
using NetBird.Policy.Limits;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage.Warnings;

/// <summary>Reservations that remember which caps were charged, for <see cref="LimitWatch"/>. Changes no answer.</summary>
internal sealed class WatchedReservations(IReservations inner) : IReservations
{
    private readonly ConcurrentDictionary<RequestId, ImmutableArray<Cap>> _open = new();
    private readonly ConcurrentDictionary<CounterKey, Cap> _charged = new();

    /// <summary>Raised when something was charged to a cap.</summary>
    public event Action? Charged;

    public async ValueTask<ReserveOutcome> ReserveAsync(ReservationRequest request, CancellationToken cancellationToken)
    {
        var outcome = await inner.ReserveAsync(request, cancellationToken);
        if (outcome is ReserveOutcome.Granted { Chosen.Caps: { IsDefaultOrEmpty: false } caps })
        {
            _open[request.Id] = caps;
        }

        return outcome;
    }

    public async ValueTask SettleAsync(RequestId request, RequestUsage used, NanoUsd cost)
    {
        try
        {
            await inner.SettleAsync(request, used, cost);
        }
        finally
        {
            if (_open.TryRemove(request, out var caps))
            {
                foreach (var cap in caps)
                {
                    _charged[cap.Counter] = cap;
                }

                Charged?.Invoke();
            }
        }
    }

    public ValueTask<ImmutableArray<CounterReading>> ReadAsync(ImmutableArray<Cap> caps, CancellationToken cancellationToken)
        => inner.ReadAsync(caps, cancellationToken);

    public ValueTask<ImmutableArray<CounterReading>> ReadNowAsync(ImmutableArray<Cap> caps, CancellationToken cancellationToken)
        => inner.ReadNowAsync(caps, cancellationToken);

    /// <summary>Caps that something was charged to since the last call.</summary>
    public ImmutableArray<Cap> TakeCharged()
    {
        var taken = ImmutableArray.CreateBuilder<Cap>();
        foreach (var counter in _charged.Keys)
        {
            if (_charged.TryRemove(counter, out var cap))
            {
                taken.Add(cap);
            }
        }

        return taken.DrainToImmutable();
    }
}
