using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using System.Text;
using Microsoft.Win32.SafeHandles;
using NetBird.WireGuard.Userspace;

namespace NetBird.WireGuard.Mac;

/// <summary>
/// A utun interface (net/if_utun.h, sys/kern_control.h): a kernel control socket whose datagrams are packets behind the
/// number of their family. It is gone with its descriptor, however the process ends.
/// </summary>
[SupportedOSPlatform("macos")]
internal sealed unsafe class UtunDevice : IPacketDevice
{
    // sys/socket.h, sys/sys_domain.h, sys/kern_control.h, net/if_utun.h
    private const int AfSystem = 32;
    private const int SockDatagram = 2;
    private const int ProtocolControl = 2;
    private const ushort SystemControl = 2;
    private const nuint ControlInformation = 0xC0644E03;
    private const string Control = "com.apple.net.utun_control";
    private const int OptionInterfaceName = 2;

    // struct ctl_info: the number, then a name of 96 bytes. struct sockaddr_ctl: length, family, AF_SYS_CONTROL, number, unit, five words.
    private const int InformationBytes = 100;
    private const int AddressBytes = 32;
    private const int LongestName = 16;

    // Before each packet, in network order: AF_INET, or AF_INET6 as macOS numbers it.
    private const int HeaderBytes = 4;
    private const uint Inet = 2;
    private const uint Inet6 = 30;

    private readonly SafeFileHandle _socket;
    private readonly SafeFileHandle _stopped;
    private readonly SafeFileHandle _stop;
    private Thread? _reader;
    private int _disposed;

    private UtunDevice(SafeFileHandle socket, string name, int mtu)
    {
        _socket = socket;
        (Name, Mtu) = (name, mtu);
        var ends = stackalloc int[2];
        if (LibSystem.Pipe(ends) != 0)
        {
            throw LibSystem.LastError("make a pipe");
        }

        _stopped = new SafeFileHandle(ends[0], ownsHandle: true);
        _stop = new SafeFileHandle(ends[1], ownsHandle: true);
    }

    /// <summary>utun and a number, which the system chooses.</summary>
    public string Name { get; }

    public int Mtu { get; }

    /// <summary>Creates an interface, without an address.</summary>
    /// <exception cref="TunnelException">It cannot be had; the message says what to do.</exception>
    public static UtunDevice Open(int mtu)
    {
        var socket = LibSystem.Socket(AfSystem, SockDatagram, ProtocolControl);
        try
        {
            if (socket.IsInvalid)
            {
                throw LibSystem.LastError("open a control socket");
            }

            var information = stackalloc byte[InformationBytes];
            new Span<byte>(information, InformationBytes).Clear();
            _ = Encoding.ASCII.GetBytes(Control, new Span<byte>(information + sizeof(uint), InformationBytes - sizeof(uint)));
            if (LibSystem.IoControl(socket, ControlInformation, information) != 0)
            {
                throw LibSystem.LastError("find its utun driver");
            }

            var address = stackalloc byte[AddressBytes];
            new Span<byte>(address, AddressBytes).Clear();
            (address[0], address[1]) = (AddressBytes, AfSystem);
            *(ushort*)(address + 2) = SystemControl;
            *(uint*)(address + 4) = *(uint*)information;
            if (LibSystem.Connect(socket, address, AddressBytes) != 0)
            {
                throw LibSystem.LastError("create a utun interface");
            }

            var name = stackalloc byte[LongestName];
            var length = (uint)LongestName;
            if (LibSystem.GetSocketOption(socket, ProtocolControl, OptionInterfaceName, name, &length) != 0 || length is 0 or > LongestName)
            {
                throw LibSystem.LastError("name the utun interface");
            }

            return new UtunDevice(socket, Encoding.ASCII.GetString(name, (int)length - 1), mtu);
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            socket.Dispose();
            throw e.NativeErrorCode == LibSystem.EPERM
                ? new TunnelException("This process may not create network interfaces", "run it as root, or use --tunnel rootless, which needs no privilege.", e) { Obstacle = TunnelObstacle.NotPermitted }
                : new TunnelException(e.Message, e);
        }
    }

    public void Start(OutboundPacket outbound)
    {
        _reader = new Thread(() => ReadLoop(outbound)) { IsBackground = true, Name = "wg-utun" };
        _reader.Start();
    }

    public void Write(ReadOnlySpan<byte> packet)
    {
        var frame = ArrayPool<byte>.Shared.Rent(HeaderBytes + packet.Length);
        try
        {
            BinaryPrimitives.WriteUInt32BigEndian(frame, packet[0] >> 4 == 6 ? Inet6 : Inet);
            packet.CopyTo(frame.AsSpan(HeaderBytes));
            fixed (byte* bytes = frame)
            {
                // Full queue or interface down: the packet is lost, as on any wire.
                _ = LibSystem.Write(_socket, bytes, (nuint)(HeaderBytes + packet.Length));
            }
        }
        catch (ObjectDisposedException)
        {
            // Closing; lost likewise.
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(frame);
        }
    }

    public void Flush()
    {
        // Nothing is held back.
    }

    public ValueTask DisposeAsync()
    {
        Close();
        return ValueTask.CompletedTask;
    }

    /// <summary>Removes the interface; returns when no thread of it runs.</summary>
    public void Close()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            byte end = 0;
            _ = LibSystem.Write(_stop, &end, 1);
            _reader?.Join();
            _socket.Dispose();
            _stopped.Dispose();
            _stop.Dispose();
        }
    }

    private void ReadLoop(OutboundPacket outbound)
    {
        var buffer = GC.AllocateUninitializedArray<byte>(HeaderBytes + ushort.MaxValue, pinned: true);
        var bytes = (byte*)Marshal.UnsafeAddrOfPinnedArrayElement(buffer, 0);
        var both = stackalloc LibSystem.PollDescriptor[2];
        while (true)
        {
            both[0] = new LibSystem.PollDescriptor { Fd = (int)_socket.DangerousGetHandle(), Events = LibSystem.PollIn };
            both[1] = new LibSystem.PollDescriptor { Fd = (int)_stopped.DangerousGetHandle(), Events = LibSystem.PollIn };
            var ready = LibSystem.Poll(both, 2, timeoutMs: -1);
            if (ready < 0 && Marshal.GetLastPInvokeError() == LibSystem.EINTR)
            {
                continue;
            }

            if (ready < 0 || both[1].Returned != 0)
            {
                return;
            }

            var length = (int)LibSystem.Read(_socket, bytes, (nuint)buffer.Length);
            if (length > HeaderBytes)
            {
                outbound(buffer.AsSpan(HeaderBytes, length - HeaderBytes));
            }
            else if (length <= 0 && Marshal.GetLastPInvokeError() != LibSystem.EINTR)
            {
                return;
            }
        }
    }
}
