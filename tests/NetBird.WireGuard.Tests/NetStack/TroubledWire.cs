using System.Diagnostics;

namespace NetBird.WireGuard.Tests.NetStack;

/// <summary>
/// What netem would do, in real time and with a seed (netem itself is not in every kernel): loses, doubles,
/// delays and reorders packets on their way to one side.
/// </summary>
internal sealed class TroubledWire : IDisposable
{
    private readonly PathTrouble _trouble;
    private readonly Random _random;
    private readonly Action<byte[]> _deliver;
    private readonly Action _flush;
    private readonly Lock _sending = new();
    private readonly PriorityQueue<byte[], long> _late = new();
    private readonly Thread? _thread;
    private bool _isStopping;

    public TroubledWire(PathTrouble trouble, int seed, Action<byte[]> deliver, Action flush)
    {
        _trouble = trouble;
        _random = new Random(seed);
        _deliver = deliver;
        _flush = flush;
        if (trouble.Delay > 0 || trouble.Reordering > 0)
        {
            _thread = new Thread(DeliverLate) { IsBackground = true };
            _thread.Start();
        }
    }

    private static long Now => Stopwatch.GetTimestamp() / (Stopwatch.Frequency / 1_000_000);

    public void Send(byte[] packet)
    {
        if (packet.Length > _trouble.LargestPacket)
        {
            // A black hole: it is dropped and nobody says so.
            return;
        }

        int copies;
        long delay;
        lock (_sending)
        {
            copies = _random.NextDouble() < _trouble.Loss ? 0 : _random.NextDouble() < _trouble.Duplication ? 2 : 1;

            // As netem: what is reordered overtakes the rest, which waits.
            delay = _random.NextDouble() < _trouble.Reordering ? 0 : Math.Max(_trouble.Delay, _trouble.Reordering > 0 ? 3_000 : 0);
        }

        for (; copies > 0; copies--)
        {
            if (delay == 0)
            {
                _deliver(packet);
                if (_thread is not null)
                {
                    _flush();
                }
            }
            else
            {
                lock (_late)
                {
                    _late.Enqueue(packet, Now + delay);
                    Monitor.Pulse(_late);
                }
            }
        }
    }

    public void Dispose()
    {
        lock (_late)
        {
            _isStopping = true;
            Monitor.Pulse(_late);
        }

        _thread?.Join();
    }

    private void DeliverLate()
    {
        while (true)
        {
            byte[]? packet = null;
            var isBatchOver = false;
            lock (_late)
            {
                while (packet is null && !isBatchOver)
                {
                    if (_isStopping)
                    {
                        return;
                    }

                    if (_late.TryPeek(out _, out var due) && due <= Now)
                    {
                        packet = _late.Dequeue();
                        isBatchOver = !_late.TryPeek(out _, out var next) || next > Now;
                    }
                    else
                    {
                        Monitor.Wait(_late, _late.Count == 0 ? 1_000 : 1);
                    }
                }
            }

            _deliver(packet!);
            if (isBatchOver)
            {
                _flush();
            }
        }
    }
}
