using System.Buffers.Binary;

namespace NetBird.WireGuard.Userspace;

/// <summary>The few fields of IPv4 (RFC 791) and IPv6 (RFC 8200) headers that routing needs.</summary>
internal static class IpHeader
{
    public const int V4Size = 20;
    public const int V4Source = 12;
    public const int V4Destination = 16;
    public const int V6Size = 40;
    public const int V6Source = 8;
    public const int V6Destination = 24;

    /// <summary>4 or 6 when the whole fixed header is there, else 0.</summary>
    public static int VersionOf(ReadOnlySpan<byte> packet)
    {
        if (packet.Length < V4Size)
        {
            return 0;
        }

        return (packet[0] >> 4) switch
        {
            4 => 4,
            6 when packet.Length >= V6Size => 6,
            _ => 0,
        };
    }

    /// <summary>The packet's own length without padding; -1 when it claims more than there is, or less than its header.</summary>
    public static int LengthOf(ReadOnlySpan<byte> packet)
    {
        var length = VersionOf(packet) switch
        {
            4 => BinaryPrimitives.ReadUInt16BigEndian(packet[2..]),
            6 => V6Size + BinaryPrimitives.ReadUInt16BigEndian(packet[4..]),
            _ => -1,
        };
        return length >= V4Size && length <= packet.Length ? length : -1;
    }
}
