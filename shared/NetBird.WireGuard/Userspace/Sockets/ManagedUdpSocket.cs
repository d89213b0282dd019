using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace NetBird.WireGuard.Userspace.Sockets;

/// <summary>The outer socket by System.Net.Sockets, for systems without a faster one: one datagram a call.</summary>
internal sealed class ManagedUdpSocket : IUdpSocket
{
    // The largest UDP payload there is, so that nothing is cut.
    private const int ReceiveBufferSize = 65_535;

    private readonly Socket _socket;
    private readonly bool _dual;
    private Thread? _thread;

    /// <param name="port">0 takes a free one.</param>
    /// <exception cref="SocketException">The port cannot be had.</exception>
    public ManagedUdpSocket(int port)
    {
        _dual = Socket.OSSupportsIPv6;
        _socket = new Socket(_dual ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        try
        {
            if (_dual)
            {
                _socket.DualMode = true;
            }

            _socket.ReceiveBufferSize = 4 * 1024 * 1024;
            _socket.SendBufferSize = 4 * 1024 * 1024;
            _socket.Bind(new IPEndPoint(_dual ? IPAddress.IPv6Any : IPAddress.Any, port));
        }
        catch
        {
            _socket.Dispose();
            throw;
        }
    }

    public int Port => ((IPEndPoint)_socket.LocalEndPoint!).Port;

    public void Start(IDatagramReceiver receiver)
    {
        _thread = new Thread(() => ReceiveLoop(receiver)) { IsBackground = true, Name = "wg-udp" };
        _thread.Start();
    }

    public bool Send(UdpEndpoint to, ReadOnlySpan<byte> datagrams, int datagramSize, byte ecn)
    {
        var address = new SocketAddress(_dual ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork);
        Write(address.Buffer.Span, to);
        try
        {
            while (!datagrams.IsEmpty)
            {
                var size = Math.Min(datagramSize, datagrams.Length);
                _ = _socket.SendTo(datagrams[..size], SocketFlags.None, address);
                datagrams = datagrams[size..];
            }

            return true;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return false;
        }
    }

    public void SetMark(uint mark)
    {
        // asm-generic/socket.h: SOL_SOCKET, SO_MARK
        const int SocketLevel = 1;
        const int Mark = 36;
        try
        {
            if (OperatingSystem.IsLinux())
            {
                _socket.SetRawSocketOption(SocketLevel, Mark, BitConverter.GetBytes(mark));
            }
            else if (mark != 0)
            {
                throw new IOException("Only Linux can mark packets.");
            }
        }
        catch (SocketException e)
        {
            throw new IOException($"Packets cannot be marked: {e.Message}.", e);
        }
    }

    public void Rebind()
    {
        // A wildcard socket follows the machine's addresses by itself.
    }

    public ValueTask DisposeAsync()
    {
        Close();
        return ValueTask.CompletedTask;
    }

    public void Close()
    {
        _socket.Dispose();
        if (_thread is { } thread && thread != Thread.CurrentThread)
        {
            thread.Join(TimeSpan.FromSeconds(2));
        }
    }

    private void ReceiveLoop(IDatagramReceiver receiver)
    {
        var buffer = GC.AllocateUninitializedArray<byte>(ReceiveBufferSize, pinned: true);
        var from = new SocketAddress(_dual ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork);
        while (true)
        {
            try
            {
                var length = _socket.ReceiveFrom(buffer, SocketFlags.None, from);
                receiver.Receive(buffer.AsSpan(0, length), length, Read(from.Buffer.Span), ecn: 0);
                receiver.EndOfBatch();
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionReset or SocketError.MessageSize)
            {
                // Windows reports an ICMP error of an earlier send here; nothing was received.
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    // sockaddr_in and sockaddr_in6: family (2 bytes), port, then address 4, or flow 4, address 16, scope 4.
    private DatagramSource Read(ReadOnlySpan<byte> address)
    {
        var port = BinaryPrimitives.ReadUInt16BigEndian(address[2..]);
        return _dual
            ? new(BinaryPrimitives.ReadUInt128BigEndian(address[8..]), port, BitConverter.ToUInt32(address[24..]), default, 0)
            : new(((UInt128)0xFFFF << 32) | BinaryPrimitives.ReadUInt32BigEndian(address[4..]), port, 0, default, 0);
    }

    private void Write(Span<byte> address, UdpEndpoint to)
    {
        BinaryPrimitives.WriteUInt16BigEndian(address[2..], to.Port);
        if (_dual)
        {
            BinaryPrimitives.WriteUInt128BigEndian(address[8..], to.Address);
            _ = BitConverter.TryWriteBytes(address[24..], to.ScopeId);
        }
        else
        {
            BinaryPrimitives.WriteUInt32BigEndian(address[4..], (uint)to.Address);
        }
    }
}
