using System.Collections.Immutable;
using System.Runtime.InteropServices;
using NetBird.Primitives;

namespace NetBird.Policy.Limits;

/// <summary>
/// Every counter of one node, and what requests in flight hold on them. Reserving is one atomic step over all caps
/// of a candidate; the first candidate with room wins. A counter that is met for the first time, or with another window
/// than before, is built from <see cref="CounterHistory"/>.
/// </summary>
/// <remarks>Thread-safe by one lock, held for well under a microsecond per request; nothing in it waits.</remarks>
public sealed class ReservationBook(CounterHistory history)
{
    /// <summary>
    /// Ours: a reservation nobody settled for this long no longer blocks others, but on strict caps, where it may have been spent.
    /// Its request is dead, or longer than any answer; should it be settled after all, it is charged then.
    /// </summary>
    public static readonly TimeSpan LapsesAfter = TimeSpan.FromHours(1);

    /// <summary>Ours: after this long a reservation that was never settled is forgotten.</summary>
    private static readonly TimeSpan ForgottenAfter = TimeSpan.FromHours(24);

    /// <summary>Ours: no request is under so many caps at once.</summary>
    private const int ReadAtOnce = 32;

    /// <summary>How soon to try again when only requests in flight are in the way.</summary>
    private static readonly TimeSpan InFlightRetry = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly Dictionary<CounterKey, Counter> _counters = [];
    private readonly Dictionary<RequestId, Held> _held = [];
    private readonly LinkedList<Held> _byAge = new();
    private readonly LinkedList<Held> _lapsed = new();
    private long _now;

    /// <summary>Takes room under the first candidate whose caps all have it.</summary>
    /// <param name="request">The request; one that already holds a reservation gets the same answer again.</param>
    /// <param name="candidates">Best first; at least one.</param>
    /// <param name="demands">What each candidate would take, in the same order.</param>
    /// <param name="now">From a clock that never goes back.</param>
    public BookOutcome Reserve(
        RequestId request, ImmutableArray<Candidate> candidates, ReadOnlySpan<Demand> demands, DateTimeOffset now)
    {
        lock (_gate)
        {
            Advance(now);
            Lapse();
            if (_held.TryGetValue(request, out var already))
            {
                return new BookOutcome.Granted(already.Candidate);
            }

            for (var i = 0; i < candidates.Length; i++)
            {
                if (HasRoom(candidates[i].Caps, demands[i]))
                {
                    Hold(request, candidates[i], demands[i]);
                    return new BookOutcome.Granted(candidates[i]);
                }
            }

            return Explain(candidates, demands);
        }
    }

    /// <summary>Lets a request in flight count on more caps than it holds room under: those that came while it ran.</summary>
    public void Widen(RequestId request, ImmutableArray<Cap> caps, DateTimeOffset now)
    {
        lock (_gate)
        {
            Advance(now);
            if (!_held.TryGetValue(request, out var held))
            {
                return;
            }

            foreach (var cap in caps)
            {
                // Built now at the latest, before the ledger knows of the request, so that it is not counted twice.
                var counter = CounterOf(cap);
                counter.Holders++;
                held.Parts = [.. held.Parts, new(counter, cap, 0)];
            }
        }
    }

    /// <summary>Replaces a reservation by what was used. False when there is none: settled before, or never made.</summary>
    /// <param name="request">Whose reservation.</param>
    /// <param name="tokens">Tokens used; zero releases.</param>
    /// <param name="nanoUsd">Their cost.</param>
    /// <param name="now">From a clock that never goes back: when the usage happened, for the window.</param>
    /// <param name="settlement">What became of it.</param>
    public bool Settle(RequestId request, long tokens, long nanoUsd, DateTimeOffset now, out Settlement settlement)
    {
        lock (_gate)
        {
            Advance(now);
            settlement = default;
            if (!_held.Remove(request, out var held))
            {
                return false;
            }

            held.Node.List!.Remove(held.Node);
            foreach (var part in held.Parts)
            {
                var (counter, cap, amount) = part;
                var used = cap.Unit is CapUnit.NanoUsd ? nanoUsd : tokens;
                counter.Used.Add(_now, used);
                counter.Reserved -= held.Lapsed && part.IsLetGo ? 0 : amount;
                counter.Holders--;
                if (!cap.Soft)
                {
                    settlement = settlement.With(cap, used - amount, counter.Used.Sum(_now) - cap.Limit);
                }
            }

            return true;
        }
    }

    /// <summary>
    /// The counters of some caps now. Those of one request are read at one moment; of more, a few at a time, so that requests get in
    /// between while the counters of thousands are met for the first time.
    /// </summary>
    public ImmutableArray<CounterReading> Read(ImmutableArray<Cap> caps, DateTimeOffset now)
    {
        var readings = new CounterReading[caps.Length];
        for (var first = 0; first < caps.Length; first += ReadAtOnce)
        {
            lock (_gate)
            {
                Advance(now);
                Lapse();
                for (var i = first; i < Math.Min(caps.Length, first + ReadAtOnce); i++)
                {
                    readings[i] = ReadLocked(caps[i]);
                }
            }
        }

        return ImmutableCollectionsMarshal.AsImmutableArray(readings);
    }

    /// <summary>
    /// Limits were taken off: their counters see no more of what is used, and are built from the ledger again should they come back. What
    /// requests in flight hold on them stays held.
    /// </summary>
    public void Forget(IReadOnlySet<CountedLimit> limits)
    {
        lock (_gate)
        {
            foreach (var (key, counter) in _counters)
            {
                foreach (var limit in limits)
                {
                    counter.Missed |= limit.Counts(key);
                }
            }
        }
    }

    /// <summary>
    /// Counts past usage by what it costs now. One step with what counters are built from: none that is built meanwhile has a difference
    /// twice, or not at all.
    /// </summary>
    /// <param name="history">Changes what <see cref="CounterHistory"/> answers; called under the lock.</param>
    /// <param name="differences">Of a counter of money: when its usage ended, and what it costs more, or less.</param>
    /// <param name="now">From a clock that never goes back.</param>
    public void Correct(Action history, Func<CounterKey, IEnumerable<PastUsage>> differences, DateTimeOffset now)
    {
        lock (_gate)
        {
            Advance(now);
            history();
            foreach (var (key, counter) in _counters)
            {
                if (key.Unit is CapUnit.NanoUsd)
                {
                    foreach (var (at, difference) in differences(key))
                    {
                        counter.Used.Correct(Math.Min(at.UtcTicks, _now), difference, _now);
                    }
                }
            }
        }
    }

    /// <summary>Drops counters with nothing on them; says how many are left.</summary>
    public int PruneIdle(DateTimeOffset now)
    {
        lock (_gate)
        {
            Advance(now);
            foreach (var (key, counter) in _counters)
            {
                if (counter.Holders == 0 && counter.Used.Sum(_now) == 0)
                {
                    _counters.Remove(key);
                }
            }

            return _counters.Count;
        }
    }

    private void Advance(DateTimeOffset now) => _now = Math.Max(_now, now.UtcTicks);

    private bool HasRoom(ImmutableArray<Cap> caps, in Demand demand)
    {
        foreach (var cap in caps)
        {
            var counter = CounterOf(cap);

            // What asks for nothing (results of a batch, paid for already) has room under a cap that is passed, too.
            if (!cap.Soft && demand.On(cap) is > 0 and var amount && amount > cap.Limit - counter.Used.Sum(_now) - counter.Reserved)
            {
                return false;
            }
        }

        return true;
    }

    private void Hold(RequestId request, Candidate candidate, in Demand demand)
    {
        var parts = new HeldPart[candidate.Caps.Length];
        for (var i = 0; i < parts.Length; i++)
        {
            var cap = candidate.Caps[i];
            var counter = CounterOf(cap);
            var amount = demand.On(cap);
            counter.Reserved += amount;
            counter.Holders++;
            parts[i] = new(counter, cap, amount);
        }

        var held = new Held(request, candidate, parts, _now);
        _held.Add(request, held);
        _byAge.AddLast(held.Node);
    }

    private Counter CounterOf(Cap cap)
    {
        ref var counter = ref CollectionsMarshal.GetValueRefOrAddDefault(_counters, cap.Counter, out _);
        if (counter is null)
        {
            counter = new(Recall(cap, _now));
        }
        else if (counter.Missed)
        {
            (counter.Used, counter.Missed) = (Recall(cap, _now), false);
        }
        else if (counter.Used.Window != cap.Window)
        {
            // An edited window: what is older than the old window comes from the ledger, the rest is known here.
            var resized = Recall(cap, _now - counter.Used.Window.Ticks);
            counter.Used.CopyTo(resized);
            counter.Used = resized;
        }

        return counter;
    }

    private RollingWindow Recall(Cap cap, long until)
    {
        var used = new RollingWindow(cap.Window);
        foreach (var past in history(cap, new(Math.Max(0, _now - cap.Window.Ticks), TimeSpan.Zero)))
        {
            // A row from a clock that was ahead counts from now on: longer than it should, never shorter.
            var at = Math.Min(past.At.UtcTicks, _now);
            if (at <= until)
            {
                used.Add(at, past.Amount);
            }
        }

        return used;
    }

    private CounterReading ReadLocked(Cap cap)
    {
        var counter = CounterOf(cap);
        var used = counter.Used.Sum(_now);
        return new(cap, used, counter.Reserved, Instant(counter.Used.FirstFreesAt));
    }

    /// <summary>The candidate that fits first, and its cap that fits last.</summary>
    private BookOutcome.Full Explain(ImmutableArray<Candidate> candidates, ReadOnlySpan<Demand> demands)
    {
        Cap? reached = null;
        long needed = 0;
        var best = long.MaxValue;
        for (var i = 0; i < candidates.Length; i++)
        {
            Cap? last = null;
            var when = long.MinValue;
            foreach (var cap in candidates[i].Caps)
            {
                var fits = WhenFits(cap, demands[i].On(cap));
                if (fits > when)
                {
                    (last, when) = (cap, fits);
                }
            }

            if (last is not null && (reached is null || when < best))
            {
                (reached, needed, best) = (last, demands[i].On(last), when);
            }
        }

        return new(ReadLocked(reached!), needed, best == long.MaxValue ? null : Instant(best));
    }

    /// <summary>When a cap has room for an amount: <see cref="long.MinValue"/> now, <see cref="long.MaxValue"/> never.</summary>
    private long WhenFits(Cap cap, long amount)
    {
        if (cap.Soft || amount == 0)
        {
            return long.MinValue;
        }

        if (amount > cap.Limit)
        {
            return long.MaxValue;
        }

        var counter = CounterOf(cap);
        var used = counter.Used.Sum(_now);
        if (amount <= cap.Limit - used - counter.Reserved)
        {
            return long.MinValue;
        }

        if (used + amount <= cap.Limit)
        {
            return _now + InFlightRetry.Ticks;
        }

        // As if requests in flight use what they hold; where even that leaves no room, as if they use nothing.
        return counter.Used.WhenAtMost(cap.Limit - amount - counter.Reserved, _now)
            ?? counter.Used.WhenAtMost(cap.Limit - amount, _now)!.Value;
    }

    private void Lapse()
    {
        while (_byAge.First is { Value: var oldest } && oldest.Since + LapsesAfter.Ticks <= _now)
        {
            oldest.Lapsed = true;
            foreach (var part in oldest.Parts)
            {
                part.Counter.Reserved -= part.IsLetGo ? part.Amount : 0;
            }

            _byAge.RemoveFirst();
            _lapsed.AddLast(oldest.Node);
        }

        while (_lapsed.First is { Value: var dead } && dead.Since + ForgottenAfter.Ticks <= _now)
        {
            foreach (var part in dead.Parts)
            {
                part.Counter.Reserved -= part.IsLetGo ? 0 : part.Amount;
                part.Counter.Holders--;
            }

            _lapsed.RemoveFirst();
            _held.Remove(dead.Request);
        }
    }

    private static DateTimeOffset? Instant(long? ticks) => ticks is { } value ? new(value, TimeSpan.Zero) : null;

    private sealed class Counter(RollingWindow used)
    {
        public RollingWindow Used { get; set; } = used;

        public long Reserved { get; set; }

        public int Holders { get; set; }

        /// <summary>Its limit was not in force for a while.</summary>
        public bool Missed { get; set; }
    }

    private readonly record struct HeldPart(Counter Counter, Cap Cap, long Amount)
    {
        /// <summary>Lapses after an hour; on a strict cap it is held until the request is settled or forgotten.</summary>
        public bool IsLetGo => !Cap.Strict;
    }

    private sealed class Held
    {
        public Held(RequestId request, Candidate candidate, HeldPart[] parts, long since)
        {
            (Request, Candidate, Parts, Since) = (request, candidate, parts, since);
            Node = new(this);
        }

        public RequestId Request { get; }

        public Candidate Candidate { get; }

        public HeldPart[] Parts { get; set; }

        public long Since { get; }

        /// <summary>Place among those of its age, so that settling takes it out in one step.</summary>
        public LinkedListNode<Held> Node { get; }

        public bool Lapsed { get; set; }
    }
}
