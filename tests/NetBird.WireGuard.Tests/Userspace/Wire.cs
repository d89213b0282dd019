using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using NetBird.WireGuard.Userspace.Sockets;

namespace NetBird.WireGuard.Tests.Userspace;

/// <summary>A network of sockets in memory: delivers at once, on the sender's thread, unless the filter says no.</summary>
internal sealed class Wire
{
    private readonly ConcurrentDictionary<IPEndPoint, Socket> _sockets = new();

    /// <summary>Every datagram that was sent, delivered or not.</summary>
    public ConcurrentQueue<Datagram> Sent { get; } = new();

    /// <summary>What is delivered; everything unless set.</summary>
    public Func<Datagram, bool> Delivers { get; set; } = _ => true;

    public int CountOf(uint type, IPEndPoint from) => Sent.Count(d => d.Type == type && d.From.Equals(from));

    public Socket Open(string address) => new(this, IPEndPoint.Parse(address));

    /// <summary>Hands a datagram over as if it came from there.</summary>
    public void Deliver(Datagram datagram, byte ecn = 0)
    {
        if (_sockets.TryGetValue(datagram.To, out var socket))
        {
            socket.Take(datagram, ecn);
        }
    }

    /// <summary>One datagram.</summary>
    public sealed record Datagram(IPEndPoint From, IPEndPoint To, byte[] Bytes, byte Ecn)
    {
        public uint Type => BinaryPrimitives.ReadUInt32LittleEndian(Bytes);
    }

    /// <summary>One end's socket.</summary>
    public sealed class Socket : IUdpSocket
    {
        private readonly Wire _wire;
        private IDatagramReceiver? _receiver;

        public Socket(Wire wire, IPEndPoint local)
        {
            _wire = wire;
            Local = local;
            wire._sockets[local] = this;
        }

        public IPEndPoint Local { get; private set; }

        public int Port => Local.Port;

        public void Start(IDatagramReceiver receiver) => _receiver = receiver;

        /// <summary>The machine gets another address.</summary>
        public void MoveTo(string address)
        {
            _wire._sockets.TryRemove(Local, out _);
            Local = IPEndPoint.Parse(address);
            _wire._sockets[Local] = this;
        }

        public bool Send(UdpEndpoint to, ReadOnlySpan<byte> datagrams, int datagramSize, byte ecn)
        {
            while (!datagrams.IsEmpty)
            {
                var size = Math.Min(datagramSize, datagrams.Length);
                var datagram = new Datagram(Local, to.ToIPEndPoint(), datagrams[..size].ToArray(), ecn);
                _wire.Sent.Enqueue(datagram);
                if (_wire.Delivers(datagram))
                {
                    _wire.Deliver(datagram, ecn);
                }

                datagrams = datagrams[size..];
            }

            return true;
        }

        public void Rebind()
        {
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;

        public void Take(Datagram datagram, byte ecn)
        {
            var from = new UdpEndpoint(datagram.From);
            var copy = datagram.Bytes.ToArray();
            _receiver!.Receive(copy, copy.Length, new DatagramSource(from.Address, from.Port, 0, default, 0), ecn);
            _receiver.EndOfBatch();
        }
    }
}
