using System.Collections.Concurrent;

namespace NetBird.ControlPlane.AgentApi;

/// <summary>Of one process alone.</summary>
internal sealed class OwnUsedChallenges(TimeProvider time) : IUsedChallenges
{
    private static readonly TimeSpan Between = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<string, DateTimeOffset> _used = new(StringComparer.Ordinal);
    private long _swept = time.GetUtcNow().UtcTicks;

    public ValueTask<bool> TryAddAsync(string nonce, DateTimeOffset expires, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var swept = Interlocked.Read(ref _swept);
        if (now.UtcTicks - swept > Between.Ticks && Interlocked.CompareExchange(ref _swept, now.UtcTicks, swept) == swept)
        {
            foreach (var (old, end) in _used)
            {
                if (end <= now)
                {
                    _used.TryRemove(old, out _);
                }
            }
        }

        return new(_used.TryAdd(nonce, expires));
    }
}
