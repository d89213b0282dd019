using System.Collections.Concurrent;

namespace NetBird.WireGuard.NetStack;

/// <summary>
/// Packets from this stack to its own addresses: they come back on the thread pool, since the sender holds a
/// connection's lock. Bounded; what does not fit is lost, as on a wire.
/// </summary>
internal sealed class SelfDelivery(Action<byte[]> deliver, Action flush)
{
    // Ours.
    private const int Capacity = 512;

    private readonly ConcurrentQueue<byte[]> _packets = new();
    private int _isRunning;

    public void Send(ReadOnlySpan<byte> packet)
    {
        if (_packets.Count >= Capacity)
        {
            return;
        }

        _packets.Enqueue(packet.ToArray());
        Start();
    }

    private void Start()
    {
        if (Interlocked.Exchange(ref _isRunning, 1) == 0)
        {
            ThreadPool.UnsafeQueueUserWorkItem(static self => self.Run(), this, preferLocal: false);
        }
    }

    private void Run()
    {
        while (_packets.TryDequeue(out var packet))
        {
            deliver(packet);
        }

        flush();
        Volatile.Write(ref _isRunning, 0);
        if (!_packets.IsEmpty)
        {
            Start();
        }
    }
}
