using System.Buffers.Binary;

namespace NetBird.WireGuard.Userspace;

/// <summary>
/// Explicit congestion notification across the tunnel (RFC 6040): copied out on the way in (section 4.1, normal mode),
/// combined on the way out (section 4.2). DSCP is not carried, so that it says nothing about the inner traffic.
/// </summary>
internal static class EcnField
{
    public const byte NotCapable = 0;
    public const byte Congestion = 3;

    /// <summary>The ECN bits of an IP packet.</summary>
    public static byte Of(ReadOnlySpan<byte> packet)
        => (byte)((packet[0] >> 4 == 4 ? packet[1] : packet[1] >> 4) & 3);

    /// <summary>
    /// Marks the inner packet with what the outer header met on its way. False when the packet is to be dropped:
    /// congestion was marked on a packet whose ends could not be told (RFC 6040, figure 4).
    /// </summary>
    public static bool TryCombine(Span<byte> packet, byte outer)
    {
        if (outer == NotCapable)
        {
            return true;
        }

        var inner = Of(packet);
        if (inner == NotCapable)
        {
            return outer != Congestion;
        }

        // ECT(1) outside ECT(0) inside becomes ECT(1); CE outside always wins.
        if (inner == Congestion || (outer != Congestion && !(inner == 2 && outer == 1)))
        {
            return true;
        }

        Set(packet, outer);
        return true;
    }

    private static void Set(Span<byte> packet, byte ecn)
    {
        if (packet[0] >> 4 != 4)
        {
            packet[1] = (byte)((packet[1] & 0xCF) | (ecn << 4));
            return;
        }

        // The header's checksum follows the one changed word (RFC 1624, equation 3).
        var before = BinaryPrimitives.ReadUInt16BigEndian(packet);
        packet[1] = (byte)((packet[1] & 0xFC) | ecn);
        var after = BinaryPrimitives.ReadUInt16BigEndian(packet);
        var sum = (uint)(ushort)~BinaryPrimitives.ReadUInt16BigEndian(packet[10..]) + (ushort)~before + after;
        sum = (sum & 0xFFFF) + (sum >> 16);
        sum = (sum & 0xFFFF) + (sum >> 16);
        BinaryPrimitives.WriteUInt16BigEndian(packet[10..], (ushort)~sum);
    }
}
