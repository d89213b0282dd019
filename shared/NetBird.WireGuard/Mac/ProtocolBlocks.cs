using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace NetBird.WireGuard.Mac;

/// <summary>
/// The list that <c>net.inet.tcp.pcblist_n</c> gives, as netstat(1) reads it: a head, then records that each begin with
/// their length and kind. The connection's own (xinpcb_n) comes before its socket's (xsocket_n), which has the uid.
/// </summary>
internal static class ProtocolBlocks
{
    // socketvar.h: XSO_SOCKET and XSO_INPCB.
    private const uint KindSocket = 0x001;
    private const uint KindConnection = 0x010;

    // xinpcb_n of in_pcb.h, packed to 4 bytes. Ports are in network order; an IPv4 address is the last 4 bytes of its place.
    internal const int ForeignPort = 16;
    internal const int LocalPort = 18;
    internal const int Version = 44;
    internal const int ForeignAddress = 48;
    internal const int LocalAddress = 64;
    internal const int AddressEnd = 80;
    private const byte VersionIpv4 = 0x1;

    // xsocket_n of socketvar.h, packed alike.
    internal const int SocketUid = 64;

    private const int RecordHead = 8;

    /// <summary>The uid of the socket at <paramref name="local"/> whose other end is <paramref name="remote"/>; null when there is none.</summary>
    public static uint? OwnerOf(ReadOnlySpan<byte> list, IPEndPoint local, IPEndPoint remote)
    {
        var isIt = false;
        while (list.Length >= RecordHead)
        {
            var length = MemoryMarshal.Read<uint>(list);
            if (length < RecordHead || length > list.Length)
            {
                return null;
            }

            var record = list[..(int)length];
            switch (MemoryMarshal.Read<uint>(record[4..]))
            {
                case KindConnection when record.Length >= AddressEnd:
                    isIt = Is(record, LocalPort, LocalAddress, local) && Is(record, ForeignPort, ForeignAddress, remote);
                    break;
                case KindSocket when isIt:
                    return record.Length >= SocketUid + sizeof(uint) ? MemoryMarshal.Read<uint>(record[SocketUid..]) : null;
                default:
                    break;
            }

            // Each is followed by padding up to eight bytes.
            list = list[(int)Math.Min((length + 7) & ~7u, (uint)list.Length)..];
        }

        return null;
    }

    private static bool Is(ReadOnlySpan<byte> record, int port, int address, IPEndPoint wanted)
    {
        if (BinaryPrimitives.ReadUInt16BigEndian(record[port..]) != wanted.Port)
        {
            return false;
        }

        // A socket for both families shows by the address it was given: plain, or mapped into IPv6.
        Span<byte> bytes = stackalloc byte[16];
        var plain = wanted.Address.IsIPv4MappedToIPv6 ? wanted.Address.MapToIPv4() : wanted.Address;
        if (plain.AddressFamily == AddressFamily.InterNetwork && (record[Version] & VersionIpv4) != 0)
        {
            return plain.TryWriteBytes(bytes, out _) && record.Slice(address + 12, 4).SequenceEqual(bytes[..4]);
        }

        var v6 = plain.AddressFamily == AddressFamily.InterNetwork ? plain.MapToIPv6() : plain;
        return (record[Version] & VersionIpv4) == 0 && v6.TryWriteBytes(bytes, out _) && record.Slice(address, 16).SequenceEqual(bytes);
    }
}
