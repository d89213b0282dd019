using System.Collections.Concurrent;
using System.Collections.Immutable;
using NetBird.Gateway.Authorization;
using NetBird.Policy;
using NetBird.Policy.Limits;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage;

/// <summary>
/// Reservations of a control plane that is one process. Counters are rebuilt from the ledger when a process first meets
/// them, so a restart forgets nothing; reservations die with the process, and what was in flight comes back as interrupted rows.
/// </summary>
internal sealed class InMemoryReservations : IReservations, IDisposable
{
    private readonly ConcurrentDictionary<RequestId, PendingReservation> _pending = new();
    private readonly ReservationBook _book;
    private readonly RequestPricing _pricing;
    private readonly PolicySource _policies;
    private readonly LimitsInForce _limits;
    private readonly SteadyClock _clock;
    private readonly LimitMetrics _metrics;
    private readonly ITimer _pruning;

    public InMemoryReservations(
        RequestPricing pricing, CounterHistory history, LimitMetrics metrics, PolicySource policies, SteadyClock clock, TimeProvider time)
    {
        _pricing = pricing;
        _policies = policies;
        _limits = new(policies);
        _book = new(history);
        _clock = clock;
        _metrics = metrics;
        _pruning = time.CreateTimer(_ => Prune(), null, PruneEvery, PruneEvery);
    }

    private static TimeSpan PruneEvery => TimeSpan.FromMinutes(5);

    public ValueTask<ReserveOutcome> ReserveAsync(ReservationRequest request, CancellationToken cancellationToken)
    {
        if (_limits.Gone(out var current) is { } gone)
        {
            _book.Forget(gone);
            _limits.Followed(current);
        }

        var now = _clock.Now();
        var count = request.Candidates.Length;
        Span<Demand> demands = count <= 16 ? stackalloc Demand[count] : new Demand[count];
        _pricing.Fill(request.Candidates, request.Request, now, demands);
        switch (_book.Reserve(request.Id, request.Candidates, demands, now))
        {
            case BookOutcome.Granted granted:
                _pending[request.Id] = new(request, granted.Chosen, now);
                return new(new ReserveOutcome.Granted(granted.Chosen));
            case BookOutcome.Full full:
                _metrics.Refused(full.Reached.Cap);
                return new(new ReserveOutcome.Full(full.Reached, full.Needed, full.RetryAt));
            case var other:
                throw new InvalidOperationException($"Unhandled outcome {other.GetType().Name}.");
        }
    }

    public ValueTask SettleAsync(RequestId request, RequestUsage used, NanoUsd cost, bool isExact = true)
    {
        var now = _clock.Now();
        var tokens = TokensOf(used.Tokens);
        if (_pending.TryRemove(request, out var pending) && pending.CameMeanwhile(_policies.Current, now) is { IsEmpty: false } caps)
        {
            _book.Widen(request, caps, now);
        }

        if (_book.Settle(request, tokens, Math.Max(0, cost.Value), now, out var settlement))
        {
            _metrics.Settled(settlement);
        }

        pending?.Teach(_pricing, used.Tokens, cost, isExact);
        return default;
    }

    public ValueTask<ImmutableArray<CounterReading>> ReadAsync(ImmutableArray<Cap> caps, CancellationToken cancellationToken)
        => new(_book.Read(caps, _clock.Now()));

    /// <summary>Counts requests by what they cost now.</summary>
    /// <param name="changed">Which ones.</param>
    /// <param name="history">Changes what counters are built from.</param>
    public void Reprice(RepricedCharges changed, Action history)
        => _book.Correct(history, counter => changed.Of(counter, _policies.Current), _clock.Now());

    public void Dispose() => _pruning.Dispose();

    /// <summary>As <see cref="TokenUsage.Total"/>, but neither overflowing nor letting a negative count give budget back.</summary>
    internal static long TokensOf(in TokenUsage tokens)
    {
        var sum = (Int128)Math.Max(0, tokens.Input) + Math.Max(0, tokens.Output) + Math.Max(0, tokens.CacheRead)
            + Math.Max(0, tokens.CacheWrite5m) + Math.Max(0, tokens.CacheWrite1h);
        return (long)Int128.Min(sum, long.MaxValue);
    }

    private void Prune()
    {
        var now = _clock.Now();
        _book.PruneIdle(now);
        foreach (var (id, pending) in _pending)
        {
            // Never settled: the book has let go of it too.
            if (pending.At + TimeSpan.FromHours(24) < now)
            {
                _pending.TryRemove(id, out _);
            }
        }
    }
}
