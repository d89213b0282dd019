using NetBird.WireGuard.Userspace.Sockets;

namespace NetBird.WireGuard.Userspace;

/// <summary>
/// How many cookies are given out under load: an answer costs us a system call and the flooder nothing. Every source has a few of its
/// own, so that a flood from few addresses keeps nobody else from one; a flood from countless addresses leaves each asker the same
/// chance at the rest. For the receiving threads; safe from several.
/// </summary>
internal sealed class CookieBudget(EngineClock clock)
{
    // Ours: 10,000 a second take about a tenth of a core, and a tenth of those who ask in a flood of 100,000 a second are answered at
    // their first try.
    private const long PerMs = 10;
    private const long Burst = 1_000;

    // Of one source, as of its handshakes: 20 a second, 5 at once.
    private const long SourceCostMs = 1_000 / 20;
    private const long SourceBurstMs = 5 * SourceCostMs;
    private const int Slots = 4096;

    private readonly Lock _gate = new();

    // By a hash of the source that differs between processes: when what the source has used will be forgotten.
    private readonly long[] _sources = new long[Slots];
    private long _tokens = Burst;
    private long _filledMs;

    /// <summary>True when this source is to be sent a cookie now.</summary>
    public bool TryTake(in DatagramSource source)
    {
        lock (_gate)
        {
            var now = clock.NowMs;
            _tokens = Math.Min(Burst, _tokens + (PerMs * Math.Min(now - _filledMs, Burst)));
            _filledMs = now;
            ref var usedUntil = ref _sources[(uint)source.HostKey.GetHashCode() % Slots];
            var used = Math.Max(usedUntil, now);
            if (used + SourceCostMs - now <= SourceBurstMs && _tokens > 0)
            {
                usedUntil = used + SourceCostMs;
            }
            else if (_tokens <= Burst / 2)
            {
                // The other half is for those who asked for less than their own.
                return false;
            }

            _tokens--;
            return true;
        }
    }
}
