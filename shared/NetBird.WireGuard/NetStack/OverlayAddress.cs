using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace NetBird.WireGuard.NetStack;

/// <summary>An IPv4 or IPv6 address as a value, so that looking up a flow allocates nothing.</summary>
internal readonly record struct OverlayAddress(ulong High, ulong Low, bool IsV6)
{
    public int Size => IsV6 ? 16 : 4;

    public static OverlayAddress Read(ReadOnlySpan<byte> bytes) => bytes.Length == 16
        ? new(BinaryPrimitives.ReadUInt64BigEndian(bytes), BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]), true)
        : new(0, BinaryPrimitives.ReadUInt32BigEndian(bytes), false);

    public static OverlayAddress From(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
        {
            address = address.MapToIPv4();
        }

        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out var written);
        return Read(bytes[..written]);
    }

    public void Write(Span<byte> destination)
    {
        if (IsV6)
        {
            BinaryPrimitives.WriteUInt64BigEndian(destination, High);
            BinaryPrimitives.WriteUInt64BigEndian(destination[8..], Low);
        }
        else
        {
            BinaryPrimitives.WriteUInt32BigEndian(destination, (uint)Low);
        }
    }

    public IPAddress ToIPAddress()
    {
        Span<byte> bytes = stackalloc byte[16];
        Write(bytes);
        return new IPAddress(bytes[..Size]);
    }

    public override string ToString() => ToIPAddress().ToString();

    internal static bool IsSupported(AddressFamily family)
        => family is AddressFamily.InterNetwork or AddressFamily.InterNetworkV6;
}

/// <summary>What tells one connection from another.</summary>
internal readonly record struct FlowKey(OverlayAddress Local, ushort LocalPort, OverlayAddress Remote, ushort RemotePort);
