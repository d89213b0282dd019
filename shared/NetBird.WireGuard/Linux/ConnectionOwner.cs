using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using NetBird.WireGuard.Linux.Netlink;

namespace NetBird.WireGuard.Linux;

/// <summary>
/// Whose process is at the other end of a TCP connection of this machine, by sock_diag(7): the kernel looks one connection up
/// in its own table, whereas /proc/net/tcp prints all there are.
/// </summary>
[SupportedOSPlatform("linux")]
public static class ConnectionOwner
{
    // linux/sock_diag.h, linux/in.h and sys/socket.h
    private const ushort SockDiagByFamily = 20;
    private const byte Tcp = 6;
    private const byte Inet = 2;
    private const byte Inet6 = 10;

    /// <summary>TCP_LISTEN, include/net/tcp_states.h.</summary>
    private const byte Listening = 10;

    // linux/inet_diag.h, struct inet_diag_req_v2: family, protocol, extensions, a blank, the states (for dumps), and the
    // identity: both ports and addresses in network order, the interface, and a cookie that is INET_DIAG_NOCOOKIE for none.
    private const int RequestBytes = 56;
    private const int RequestIdentity = 8;

    // struct inet_diag_msg: family, state, two bytes of timers, the same identity, three words, then uid and inode.
    private const int AnswerBytes = 72;
    private const int AnswerIdentity = 4;
    private const int AnswerUid = 64;
    private const int AnswerInode = 68;

    private const int Source = 4;
    private const int Destination = 20;
    private const int Cookie = 40;

    private static readonly Lock Gate = new();
    private static NetlinkSocket? _socket;

    /// <summary>The uid of the process that holds the client's end.</summary>
    /// <param name="client">The client's end, as the accepted socket names it.</param>
    /// <param name="server">Our end.</param>
    /// <returns>
    /// Null when the kernel does not tell: it has no sock_diag, this process may not ask it, or no process holds that end any
    /// more. A socket whose process closed it has no inode and shows uid 0, root's, and counts as unknown.
    /// </returns>
    public static uint? Of(IPEndPoint client, IPEndPoint server)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(server);
        try
        {
            return Ask(client, server);
        }
        catch (Exception e) when (e is NetlinkException or InvalidDataException)
        {
            // ENOENT: no such connection, or no such part of the kernel; which of them, it does not say.
            return null;
        }
    }

    private static uint? Ask(IPEndPoint client, IPEndPoint server)
    {
        // The connection of an IPv6 socket that speaks IPv4 is found under its IPv4 addresses as well.
        var (from, to) = (Plain(client), Plain(server));
        Span<byte> request = stackalloc byte[RequestBytes];
        request.Clear();
        request[0] = from.AddressFamily == AddressFamily.InterNetwork ? Inet : Inet6;
        request[1] = Tcp;
        var identity = request[RequestIdentity..];
        BinaryPrimitives.WriteUInt16BigEndian(identity, (ushort)from.Port);
        BinaryPrimitives.WriteUInt16BigEndian(identity[2..], (ushort)to.Port);
        from.Address.TryWriteBytes(identity[Source..], out _);
        to.Address.TryWriteBytes(identity[Destination..], out _);
        identity[Cookie..].Fill(0xFF);

        uint? uid = null;
        using var message = new NetlinkMessage(SockDiagByFamily, NetlinkFlags.Request | NetlinkFlags.Ack).Fixed(request);
        Socket().Request(message, "look a connection up", (type, payload) => uid = type == SockDiagByFamily ? Read(payload, from, to) : null);
        return uid;
    }

    /// <summary>Where there is no such connection the kernel answers with whoever listens at its own end, who is somebody else.</summary>
    private static uint? Read(ReadOnlySpan<byte> answer, IPEndPoint from, IPEndPoint to)
    {
        if (answer.Length < AnswerBytes || answer[1] == Listening || MemoryMarshal.Read<uint>(answer[AnswerInode..]) == 0)
        {
            return null;
        }

        var identity = answer[AnswerIdentity..];
        var bytes = answer[0] == Inet ? 4 : 16;
        return End(identity, Source) .Equals(from) && End(identity[2..], Destination - 2).Equals(to)
            ? MemoryMarshal.Read<uint>(answer[AnswerUid..])
            : null;

        IPEndPoint End(ReadOnlySpan<byte> port, int address)
            => Plain(new IPEndPoint(new IPAddress(port.Slice(address, bytes)), BinaryPrimitives.ReadUInt16BigEndian(port)));
    }

    /// <summary>One for the life of the process, since each request would pay for another. It is of the namespace in which it is asked first.</summary>
    private static NetlinkSocket Socket()
    {
        lock (Gate)
        {
            return _socket ??= NetlinkSocket.Open(NetlinkSocket.SocketDiagnosis);
        }
    }

    private static IPEndPoint Plain(IPEndPoint end) => end.Address.IsIPv4MappedToIPv6 ? new(end.Address.MapToIPv4(), end.Port) : end;
}
