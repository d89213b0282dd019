using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using NetBird.WireGuard.Userspace.Sockets;

namespace NetBird.WireGuard.Linux;

/// <summary>
/// The outer socket by system calls: many datagrams a call both ways (recvmmsg(2), UDP_GRO and UDP_SEGMENT in udp(7)), replies from
/// the address they were sent to, and ECN. What the kernel does not know is done without. One dual-stack socket serves both families.
/// </summary>
[SupportedOSPlatform("linux")]
internal sealed unsafe partial class LinuxUdpSocket : IUdpSocket
{
    // Each may hold a whole train of the other end's, put together by UDP_GRO.
    private const int Batch = 8;
    private const int BufferSize = 65_535;

    // wireguard-go: socketBufferSize, 7 MiB, past the system's limit where the process may.
    private const int SocketBufferSize = 7 << 20;

    // asm-generic/socket.h, linux/in6.h, linux/in.h
    private const int LevelSocket = 1;
    private const int SendBufferForce = 32;
    private const int ReceiveBufferForce = 33;
    private const int Mark = 36;
    private const int ReceivePacketInformation = 49;
    private const int ReceiveTrafficClass = 66;
    private const int ReceiveTos = 13;

    private readonly Socket _socket;
    private readonly StopSignal _stop = new();

    // Fields, since the receiving thread knows them by their addresses alone and the collector would take them from under it.
    private readonly byte[] _buffers = GC.AllocateUninitializedArray<byte>(Batch * BufferSize, pinned: true);
    private readonly byte[] _controls = GC.AllocateUninitializedArray<byte>(Batch * ControlMessages.Capacity, pinned: true);
    private Thread? _thread;
    private int _disposed;

    /// <param name="port">0 takes a free one.</param>
    /// <exception cref="SocketException">The port cannot be had.</exception>
    public LinuxUdpSocket(int port)
    {
        _socket = new Socket(AddressFamily.InterNetworkV6, SocketType.Dgram, ProtocolType.Udp) { DualMode = true };
        try
        {
            _socket.ReceiveBufferSize = SocketBufferSize;
            _socket.SendBufferSize = SocketBufferSize;
            _ = TrySet(LevelSocket, ReceiveBufferForce, SocketBufferSize) & TrySet(LevelSocket, SendBufferForce, SocketBufferSize);
            _ = TrySet(ControlMessages.LevelIPv6, ReceivePacketInformation, 1);
            _ = TrySet(ControlMessages.LevelIPv6, ReceiveTrafficClass, 1);
            _ = TrySet(ControlMessages.LevelIP, ReceiveTos, 1);
            _socket.Bind(new IPEndPoint(IPAddress.IPv6Any, port));
            CanCoalesce = TrySet(ControlMessages.LevelUdp, ControlMessages.UdpGro, 1);
            _canSegment = TrySet(ControlMessages.LevelUdp, ControlMessages.UdpSegment, 0);
        }
        catch
        {
            _socket.Dispose();
            _stop.Dispose();
            throw;
        }
    }

    public int Port => ((IPEndPoint)_socket.LocalEndPoint!).Port;

    /// <summary>Whether the kernel puts received datagrams together (Linux 5.0).</summary>
    public bool CanCoalesce { get; }

    public void Start(IDatagramReceiver receiver)
    {
        _thread = new Thread(() => ReceiveLoop(receiver)) { IsBackground = true, Name = "wg-udp" };
        _thread.Start();
    }

    public void SetMark(uint mark)
    {
        if (!TrySet(LevelSocket, Mark, unchecked((int)mark)) && mark != 0)
        {
            throw new IOException("Packets cannot be marked: the process lacks CAP_NET_ADMIN.");
        }
    }

    public void Rebind()
    {
        // A wildcard socket follows the machine's addresses by itself; sources are forgotten by the peers.
    }

    public ValueTask DisposeAsync()
    {
        Close();
        return ValueTask.CompletedTask;
    }

    /// <summary>Frees the port; returns when no thread of it runs.</summary>
    public void Close()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _stop.Set();
            if (_thread is { } thread && thread != Thread.CurrentThread)
            {
                thread.Join();
            }

            _socket.Dispose();
            _stop.Dispose();
        }
    }

    private bool TrySet(int level, int option, int value)
    {
        try
        {
            _socket.SetRawSocketOption(level, option, BitConverter.GetBytes(value));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private void ReceiveLoop(IDatagramReceiver receiver)
    {
        var fd = (int)_socket.SafeHandle.DangerousGetHandle();
        var messages = stackalloc Libc.MultiMessage[Batch];
        var names = stackalloc Libc.SocketAddressV6[Batch];
        var vectors = stackalloc Libc.Vector[Batch];
        var buffer = (byte*)Marshal.UnsafeAddrOfPinnedArrayElement(_buffers, 0);
        var control = (byte*)Marshal.UnsafeAddrOfPinnedArrayElement(_controls, 0);
        for (var i = 0; i < Batch; i++)
        {
            vectors[i] = new Libc.Vector { Base = buffer + (i * BufferSize), Length = BufferSize };
            messages[i].Header = new Libc.Message
            {
                Name = names + i,
                Vectors = vectors + i,
                VectorCount = 1,
                Control = control + (i * ControlMessages.Capacity),
            };
        }

        while (true)
        {
            for (var i = 0; i < Batch; i++)
            {
                // The kernel writes what it used of each.
                messages[i].Header.NameLength = (uint)sizeof(Libc.SocketAddressV6);
                messages[i].Header.ControlLength = ControlMessages.Capacity;
            }

            var count = Libc.ReceiveMessages(fd, messages, Batch, Libc.MSG_DONTWAIT, null);
            if (count > 0)
            {
                for (var i = 0; i < count; i++)
                {
                    Deliver(receiver, in messages[i]);
                }

                receiver.EndOfBatch();
                continue;
            }

            // Errors of earlier sends (ICMP) are reported here and say nothing of this socket.
            if (Marshal.GetLastPInvokeError() == Libc.EAGAIN && !_stop.WaitReadable(_socket.SafeHandle))
            {
                return;
            }

            if (Volatile.Read(ref _disposed) != 0)
            {
                return;
            }
        }
    }

    private static void Deliver(IDatagramReceiver receiver, in Libc.MultiMessage message)
    {
        var datagrams = new Span<byte>(message.Header.Vectors->Base, (int)message.Length);
        ControlMessages.Read(
            new ReadOnlySpan<byte>(message.Header.Control, (int)message.Header.ControlLength), out var local, out var segmentSize, out var ecn);
        var name = message.Header.Name;
        var source = new DatagramSource(
            BinaryPrimitives.ReadUInt128BigEndian(new ReadOnlySpan<byte>(name->Address, 16)),
            BinaryPrimitives.ReverseEndianness(name->Port),
            name->ScopeId,
            local,
            0);
        receiver.Receive(datagrams, segmentSize > 0 ? segmentSize : Math.Max(1, datagrams.Length), in source, ecn);
    }
}
