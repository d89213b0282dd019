using NetBird.WireGuard.Userspace.Sockets;

namespace NetBird.WireGuard.Userspace;

/// <summary>
/// Handshake messages on their way to the thread that does the curve arithmetic, which would hold up packets elsewhere. Bounded;
/// how full it is tells whether we are under load (WireGuard paper, section 5.3).
/// </summary>
internal sealed class HandshakeQueue : IDisposable
{
    // wireguard-go: QueueHandshakeSize 1024, under load from an eighth of it and for a second after.
    private const int Capacity = 1024;
    private const int LoadThreshold = Capacity / 8;
    private const long LoadLingersMs = 1_000;

    private readonly Queue<Item> _items = new();
    private readonly object _gate = new();
    private readonly EngineClock _clock;
    private readonly Thread _thread;
    private long _loadUntilMs;
    private bool _handling;
    private bool _disposed;

    public HandshakeQueue(EngineClock clock, Action<byte[], UdpEndpoint> handle)
    {
        _clock = clock;
        _thread = new Thread(() => Run(handle)) { IsBackground = true, Name = "wg-handshake" };
        _thread.Start();
    }

    /// <summary>True when no message waits or is being handled.</summary>
    public bool IsIdle
    {
        get
        {
            lock (_gate)
            {
                return _items.Count == 0 && !_handling;
            }
        }
    }

    public bool IsUnderLoad => _clock.NowMs < Volatile.Read(ref _loadUntilMs);

    /// <summary>Copies the message; false when the queue is full.</summary>
    public bool TryEnqueue(ReadOnlySpan<byte> message, in DatagramSource from)
    {
        lock (_gate)
        {
            if (_disposed || _items.Count >= Capacity)
            {
                return false;
            }

            if (_items.Count >= LoadThreshold)
            {
                Volatile.Write(ref _loadUntilMs, _clock.NowMs + LoadLingersMs);
            }

            _items.Enqueue(new Item(message.ToArray(), from.ToEndpoint()));
            Monitor.Pulse(_gate);
            return true;
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            _items.Clear();
            Monitor.PulseAll(_gate);
        }

        if (_thread != Thread.CurrentThread)
        {
            _thread.Join(TimeSpan.FromSeconds(2));
        }
    }

    private void Run(Action<byte[], UdpEndpoint> handle)
    {
        while (true)
        {
            Item item;
            lock (_gate)
            {
                _handling = false;
                while (_items.Count == 0 && !_disposed)
                {
                    Monitor.Wait(_gate);
                }

                if (_disposed)
                {
                    return;
                }

                item = _items.Dequeue();
                _handling = true;
            }

            handle(item.Message, item.From);
        }
    }

    private readonly record struct Item(byte[] Message, UdpEndpoint From);
}
