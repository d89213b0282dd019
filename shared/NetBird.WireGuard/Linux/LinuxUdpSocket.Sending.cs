using System.Buffers.Binary;
using System.Runtime.InteropServices;
using NetBird.WireGuard.Userspace.Sockets;

namespace NetBird.WireGuard.Linux;

internal sealed unsafe partial class LinuxUdpSocket
{
    private const ushort FamilyInet6 = 10;

    // How many datagrams one sendmmsg(2) takes where the kernel cannot cut trains itself.
    private const int Burst = 64;

    private volatile bool _canSegment;

    public bool Send(UdpEndpoint to, ReadOnlySpan<byte> datagrams, int datagramSize, byte ecn)
    {
        var held = false;
        try
        {
            _socket.SafeHandle.DangerousAddRef(ref held);
            var fd = (int)_socket.SafeHandle.DangerousGetHandle();
            return SendFrom(fd, to, to.Source, datagrams, datagramSize, ecn)

                // Our address that the peer last used is gone; the routing table knows another.
                || (to.Source != default && SendFrom(fd, to, default, datagrams, datagramSize, ecn));
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
        finally
        {
            if (held)
            {
                _socket.SafeHandle.DangerousRelease();
            }
        }
    }

    private bool SendFrom(int fd, UdpEndpoint to, UInt128 source, ReadOnlySpan<byte> datagrams, int datagramSize, byte ecn)
    {
        var name = new Libc.SocketAddressV6 { Family = FamilyInet6, Port = BinaryPrimitives.ReverseEndianness(to.Port), ScopeId = to.ScopeId };
        BinaryPrimitives.WriteUInt128BigEndian(new Span<byte>(name.Address, 16), to.Address);
        var control = stackalloc byte[ControlMessages.Capacity];
        var controlLength = WriteControl(new Span<byte>(control, ControlMessages.Capacity), to, source, ecn);
        fixed (byte* bytes = datagrams)
        {
            if (datagrams.Length <= datagramSize)
            {
                return SendOnce(fd, &name, control, controlLength, bytes, datagrams.Length);
            }

            if (_canSegment)
            {
                ushort size = (ushort)datagramSize;
                var withSegments = ControlMessages.Append(
                    new Span<byte>(control, ControlMessages.Capacity), controlLength, ControlMessages.LevelUdp, ControlMessages.UdpSegment,
                    MemoryMarshal.AsBytes(new ReadOnlySpan<ushort>(in size)));
                if (SendOnce(fd, &name, control, withSegments, bytes, datagrams.Length))
                {
                    return true;
                }

                // EIO: the outgoing device cannot compute checksums, which segmentation needs. EINVAL and EMSGSIZE: a segment
                // exceeds the path's MTU. The last two concern this train only.
                var error = Marshal.GetLastPInvokeError();
                if (error == Libc.EIO)
                {
                    _canSegment = false;
                }
                else if (error is not (Libc.EINVAL or Libc.EMSGSIZE))
                {
                    return false;
                }
            }

            return SendEach(fd, &name, control, controlLength, bytes, datagrams.Length, datagramSize);
        }
    }

    private static bool SendOnce(int fd, Libc.SocketAddressV6* name, byte* control, int controlLength, byte* bytes, int length)
    {
        var vector = new Libc.Vector { Base = bytes, Length = (nuint)length };
        var message = new Libc.Message
        {
            Name = name,
            NameLength = (uint)sizeof(Libc.SocketAddressV6),
            Vectors = &vector,
            VectorCount = 1,
            Control = controlLength > 0 ? control : null,
            ControlLength = (nuint)controlLength,
        };
        return Libc.SendMessage(fd, &message, 0) >= 0;
    }

    private static bool SendEach(
        int fd, Libc.SocketAddressV6* name, byte* control, int controlLength, byte* bytes, int length, int datagramSize)
    {
        var messages = stackalloc Libc.MultiMessage[Burst];
        var vectors = stackalloc Libc.Vector[Burst];
        var offset = 0;
        while (offset < length)
        {
            var count = 0;
            while (offset < length && count < Burst)
            {
                var size = Math.Min(datagramSize, length - offset);
                vectors[count] = new Libc.Vector { Base = bytes + offset, Length = (nuint)size };
                messages[count].Header = new Libc.Message
                {
                    Name = name,
                    NameLength = (uint)sizeof(Libc.SocketAddressV6),
                    Vectors = vectors + count,
                    VectorCount = 1,
                    Control = controlLength > 0 ? control : null,
                    ControlLength = (nuint)controlLength,
                };
                offset += size;
                count++;
            }

            for (var sent = 0; sent < count;)
            {
                var taken = Libc.SendMessages(fd, messages + sent, (uint)(count - sent), 0);
                if (taken <= 0)
                {
                    return false;
                }

                sent += taken;
            }
        }

        return true;
    }

    private static int WriteControl(Span<byte> control, UdpEndpoint to, UInt128 source, byte ecn)
    {
        var used = 0;
        if (source != default)
        {
            // struct in6_pktinfo: address, interface index. The kernel takes it for IPv4 too, in mapped form (ip_cmsg_send).
            Span<byte> information = stackalloc byte[20];
            information.Clear();
            BinaryPrimitives.WriteUInt128BigEndian(information, source);
            used = ControlMessages.Append(control, used, ControlMessages.LevelIPv6, ControlMessages.IPv6PacketInformation, information);
        }

        if (ecn != 0)
        {
            int value = ecn;
            used = ControlMessages.Append(
                control,
                used,
                to.IsIPv4 ? ControlMessages.LevelIP : ControlMessages.LevelIPv6,
                to.IsIPv4 ? ControlMessages.IPTos : ControlMessages.IPv6TrafficClass,
                MemoryMarshal.AsBytes(new ReadOnlySpan<int>(in value)));
        }

        return used;
    }
}
