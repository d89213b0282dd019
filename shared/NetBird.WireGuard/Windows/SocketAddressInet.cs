using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace NetBird.WireGuard.Windows;

/// <summary>
/// SOCKADDR_INET of ws2ipdef.h: family, port in network order, then an IPv4 address, or flow, IPv6 address and scope.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = 28)]
internal unsafe struct SocketAddressInet
{
    /// <summary>AF_INET and AF_INET6 of Windows; the second differs from Linux.</summary>
    public const ushort V4 = 2;

    /// <inheritdoc cref="V4"/>
    public const ushort V6 = 23;

    [FieldOffset(0)]
    private fixed byte _bytes[28];

    public static SocketAddressInet From(IPEndPoint endpoint)
    {
        var result = default(SocketAddressInet);
        var bytes = new Span<byte>(result._bytes, 28);
        var isV6 = endpoint.AddressFamily == AddressFamily.InterNetworkV6;
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, isV6 ? V6 : V4);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], (ushort)endpoint.Port);
        _ = endpoint.Address.TryWriteBytes(bytes[(isV6 ? 8 : 4)..], out _);
        if (isV6)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes[24..], (uint)endpoint.Address.ScopeId);
        }

        return result;
    }

    /// <summary>Null for a family that is neither.</summary>
    public readonly IPEndPoint? ToEndPoint()
    {
        fixed (byte* start = _bytes)
        {
            var bytes = new ReadOnlySpan<byte>(start, 28);
            int port = BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]);
            return BinaryPrimitives.ReadUInt16LittleEndian(bytes) switch
            {
                V4 => new IPEndPoint(new IPAddress(bytes[4..8]), port),
                V6 => new IPEndPoint(new IPAddress(bytes[8..24], BinaryPrimitives.ReadUInt32LittleEndian(bytes[24..])), port),
                _ => null,
            };
        }
    }
}
