using System.Buffers.Binary;
using System.Net;

namespace NetBird.ControlPlane.Peers;

/// <summary>Arithmetic over the overlay's IPv4 addresses.</summary>
internal static class OverlayAddresses
{
    /// <summary>The first address, which is the gateway's.</summary>
    public static IPAddress GatewayOf(IPNetwork overlay) => AddressOf(NumberOf(overlay.BaseAddress) + 1);

    /// <summary>First and last address for peers, both inclusive.</summary>
    public static (uint First, uint Last) PeerRange(IPNetwork overlay)
    {
        var network = NumberOf(overlay.BaseAddress);
        var size = 1u << (32 - overlay.PrefixLength);
        return (network + 2, network + size - 2);
    }

    public static uint NumberOf(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[4];
        return address.TryWriteBytes(bytes, out var written) && written == 4
            ? BinaryPrimitives.ReadUInt32BigEndian(bytes)
            : throw new ArgumentException("An overlay address is IPv4.", nameof(address));
    }

    public static IPAddress AddressOf(uint number)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, number);
        return new(bytes);
    }
}
