using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using NetBird.WireGuard.Userspace.Sockets;

namespace NetBird.WireGuard.Userspace;

/// <summary>
/// Handshake messages on their way to the thread that does the curve arithmetic, which would hold up packets elsewhere. Bounded and made
/// once: a flood allocates nothing. How full it is tells whether we are under load (WireGuard paper, section 5.3).
/// </summary>
internal sealed class HandshakeQueue : IDisposable
{
    // wireguard-go: QueueHandshakeSize 1024, under load from an eighth of it and for a second after.
    private const int Capacity = 1024;
    private const int LoadThreshold = Capacity / 8;
    private const long LoadLingersMs = 1_000;

    private readonly Item[] _items = new Item[Capacity];
    private readonly object _gate = new();
    private readonly EngineClock _clock;
    private readonly Thread _thread;
    private int _first;
    private int _count;
    private long _loadUntilMs;
    private bool _handling;
    private bool _disposed;

    /// <param name="clock">Of the engine.</param>
    /// <param name="handle">Called on this queue's thread, one message at a time.</param>
    public HandshakeQueue(EngineClock clock, Handler handle)
    {
        _clock = clock;
        _thread = new Thread(() => Run(handle)) { IsBackground = true, Name = "wg-handshake" };
        _thread.Start();
    }

    /// <param name="message">Valid during the call.</param>
    /// <param name="from">Its sender.</param>
    /// <param name="cookieOnly">The sender is to be sent a cookie, and nothing else done.</param>
    public delegate void Handler(ReadOnlySpan<byte> message, in DatagramSource from, bool cookieOnly);

    /// <summary>True when no message waits or is being handled.</summary>
    public bool IsIdle
    {
        get
        {
            lock (_gate)
            {
                return _count == 0 && !_handling;
            }
        }
    }

    public bool IsUnderLoad => _clock.NowMs < Volatile.Read(ref _loadUntilMs);

    /// <summary>Copies the message; false when the queue is full.</summary>
    public bool TryEnqueue(ReadOnlySpan<byte> message, in DatagramSource from, bool cookieOnly)
    {
        lock (_gate)
        {
            if (_disposed || _count == Capacity)
            {
                return false;
            }

            if (_count >= LoadThreshold)
            {
                Volatile.Write(ref _loadUntilMs, _clock.NowMs + LoadLingersMs);
            }

            _items[(_first + _count) % Capacity].Set(message, in from, cookieOnly);
            if (++_count == 1)
            {
                Monitor.Pulse(_gate);
            }

            return true;
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            _count = 0;
            Monitor.PulseAll(_gate);
        }

        if (_thread != Thread.CurrentThread)
        {
            _thread.Join(TimeSpan.FromSeconds(2));
        }
    }

    private void Run(Handler handle)
    {
        while (true)
        {
            Item item;
            lock (_gate)
            {
                _handling = false;
                while (_count == 0 && !_disposed)
                {
                    Monitor.Wait(_gate);
                }

                if (_disposed)
                {
                    return;
                }

                item = _items[_first];
                _first = (_first + 1) % Capacity;
                _count--;
                _handling = true;
            }

            handle(item.Message, in item.From, item.CookieOnly);
        }
    }

    private struct Item
    {
        public DatagramSource From;
        public bool CookieOnly;
        private int _length;
        private Bytes _bytes;

        [UnscopedRef]
        public readonly ReadOnlySpan<byte> Message => ((ReadOnlySpan<byte>)_bytes)[.._length];

        public void Set(ReadOnlySpan<byte> message, in DatagramSource from, bool cookieOnly)
        {
            (From, CookieOnly, _length) = (from, cookieOnly, message.Length);
            message.CopyTo(_bytes);
        }
    }

    [InlineArray(WireFormat.InitiationSize)]
    private struct Bytes
    {
        private byte _first;
    }
}
