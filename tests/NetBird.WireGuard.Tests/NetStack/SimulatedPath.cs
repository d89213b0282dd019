using NetBird.WireGuard.NetStack;

namespace NetBird.WireGuard.Tests.NetStack;

/// <summary>What a path does to segments; probabilities are 0 to 1, times microseconds.</summary>
internal sealed record PathTrouble(
    double Loss = 0, double Duplication = 0, double Reordering = 0, long Delay = 1_000, long Jitter = 0, long BytesPerSecond = 0, int QueueBytes = int.MaxValue,
    int LargestPacket = int.MaxValue);

/// <summary>
/// Two connections and a path between them, in simulated time: events in order of time, chance from a seed.
/// The same seed gives the same run.
/// </summary>
internal sealed class SimulatedPath(int seed, PathTrouble trouble)
{
    private readonly Random _random = new(seed);
    private readonly PriorityQueue<Action, (long, int)> _events = new();
    private readonly long[] _linkFreeAt = new long[2];
    private int _order;

    public long Now { get; private set; } = 1_000_000;

    public BlockPool Pool { get; } = new(64L * 1024 * 1024);

    public int Sent { get; private set; }

    public PathTrouble Trouble { get; set; } = trouble;

    public void At(long time, Action action) => _events.Enqueue(action, (Math.Max(time, Now), _order++));

    public void Carry(int direction, int bytes, Action arrive)
    {
        Sent++;
        if (_random.NextDouble() < Trouble.Loss || bytes > Trouble.LargestPacket)
        {
            return;
        }

        var arrival = Now + Trouble.Delay + (Trouble.Jitter > 0 ? _random.NextInt64(Trouble.Jitter) : 0);
        if (Trouble.BytesPerSecond > 0)
        {
            var start = Math.Max(Now, _linkFreeAt[direction]);
            if ((start - Now) * Trouble.BytesPerSecond / 1_000_000 > Trouble.QueueBytes)
            {
                return;
            }

            _linkFreeAt[direction] = start + (bytes * 1_000_000L / Trouble.BytesPerSecond);
            arrival += _linkFreeAt[direction] - Now;
        }

        if (_random.NextDouble() < Trouble.Reordering)
        {
            arrival += 1 + _random.NextInt64(Trouble.Delay + 1);
        }

        At(arrival, arrive);
        if (_random.NextDouble() < Trouble.Duplication)
        {
            At(arrival + _random.NextInt64(Trouble.Delay + 1), arrive);
        }
    }

    /// <summary>Runs until nothing is left, a condition holds, or the time is over.</summary>
    public bool Run(Func<bool> isDone, long until)
    {
        while (!isDone())
        {
            if (!_events.TryDequeue(out var action, out var key) || key.Item1 > until)
            {
                return false;
            }

            Now = key.Item1;
            action();
        }

        return true;
    }
}
