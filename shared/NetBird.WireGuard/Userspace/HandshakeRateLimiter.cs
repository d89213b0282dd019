using NetBird.WireGuard.Userspace.Sockets;

namespace NetBird.WireGuard.Userspace;

/// <summary>
/// At most 20 handshake messages a second from one source, 5 at once (wireguard-go <c>ratelimiter</c>), of those that proved their
/// source by a cookie. A source is an IPv4 address or an IPv6 /64, which one host can have whole. Safe for use from several threads.
/// </summary>
internal sealed class HandshakeRateLimiter(EngineClock clock)
{
    private const long CostMs = 1_000 / 20;
    private const long BurstMs = 5 * CostMs;
    private const long SweepEveryMs = 1_000;

    // Ours: more sources than can prove themselves in a sweep's time with the cookies that are given out.
    private const int MaxSources = 65_536;

    private readonly Dictionary<UInt128, Bucket> _buckets = [];
    private long _sweptMs;

    /// <summary>How many sources are remembered.</summary>
    public int Sources
    {
        get
        {
            lock (_buckets)
            {
                return _buckets.Count;
            }
        }
    }

    public bool Allows(in DatagramSource source)
    {
        lock (_buckets)
        {
            return AllowsLocked(source.HostKey);
        }
    }

    private bool AllowsLocked(UInt128 key)
    {
        var now = clock.NowMs;
        if (now - _sweptMs >= SweepEveryMs)
        {
            Sweep(now);
        }

        if (!_buckets.TryGetValue(key, out var bucket))
        {
            if (_buckets.Count >= MaxSources)
            {
                return false;
            }

            bucket = new Bucket(BurstMs, now);
        }

        var tokens = Math.Min(BurstMs, bucket.Tokens + (now - bucket.AtMs));
        var allowed = tokens >= CostMs;
        _buckets[key] = new Bucket(allowed ? tokens - CostMs : tokens, now);
        return allowed;
    }

    private void Sweep(long now)
    {
        _sweptMs = now;
        foreach (var (key, bucket) in _buckets)
        {
            if (now - bucket.AtMs >= BurstMs)
            {
                _buckets.Remove(key);
            }
        }
    }

    private readonly record struct Bucket(long Tokens, long AtMs);
}
