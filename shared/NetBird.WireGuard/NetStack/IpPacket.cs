using System.Buffers.Binary;

namespace NetBird.WireGuard.NetStack;

/// <summary>
/// An IPv4 (RFC 791) or IPv6 (RFC 8200) packet, parsed. Fragments are refused: every sender in the overlay
/// knows the tunnel's MTU, and reassembly is memory that strangers fill.
/// </summary>
internal readonly ref struct IpPacket
{
    public const byte Icmp = 1;
    public const byte Tcp = 6;
    public const byte Udp = 17;
    public const byte IcmpV6 = 58;

    private const byte HopByHop = 0;
    private const byte Routing = 43;
    private const byte Fragment = 44;
    private const byte DestinationOptions = 60;
    private const byte TimeToLive = 64;

    private IpPacket(byte protocol, ReadOnlySpan<byte> source, ReadOnlySpan<byte> destination, ReadOnlySpan<byte> payload)
    {
        Protocol = protocol;
        Source = source;
        Destination = destination;
        Payload = payload;
    }

    public byte Protocol { get; }

    public ReadOnlySpan<byte> Source { get; }

    public ReadOnlySpan<byte> Destination { get; }

    public ReadOnlySpan<byte> Payload { get; }

    /// <summary>Bytes of the header that <see cref="WriteHeader"/> makes.</summary>
    public static int HeaderSize(bool v6) => v6 ? 40 : 20;

    public static bool TryParse(ReadOnlySpan<byte> packet, out IpPacket parsed)
    {
        parsed = default;
        return packet.Length > 0 && (packet[0] >> 4) switch
        {
            4 => TryParseV4(packet, out parsed),
            6 => TryParseV6(packet, out parsed),
            _ => false,
        };
    }

    /// <summary>Writes a header for a packet that must not be fragmented.</summary>
    public static void WriteHeader(
        Span<byte> to, byte protocol, OverlayAddress source, OverlayAddress destination, int payloadBytes)
    {
        if (source.IsV6)
        {
            BinaryPrimitives.WriteUInt32BigEndian(to, 0x60000000);
            BinaryPrimitives.WriteUInt16BigEndian(to[4..], (ushort)payloadBytes);
            (to[6], to[7]) = (protocol, TimeToLive);
            source.Write(to[8..]);
            destination.Write(to[24..]);
            return;
        }

        (to[0], to[1]) = (0x45, 0);
        BinaryPrimitives.WriteUInt16BigEndian(to[2..], (ushort)(20 + payloadBytes));

        // Don't Fragment with an identification of zero: an atomic datagram needs none (RFC 6864 section 4.1).
        BinaryPrimitives.WriteUInt32BigEndian(to[4..], 0x00004000);
        (to[8], to[9], to[10], to[11]) = (TimeToLive, protocol, 0, 0);
        source.Write(to[12..]);
        destination.Write(to[16..]);
        InternetChecksum.Store(to[10..], InternetChecksum.Finish(InternetChecksum.Add(0, to[..20])));
    }

    private static bool TryParseV4(ReadOnlySpan<byte> packet, out IpPacket parsed)
    {
        parsed = default;
        if (packet.Length < 20)
        {
            return false;
        }

        var headerSize = (packet[0] & 0x0F) * 4;
        var total = BinaryPrimitives.ReadUInt16BigEndian(packet[2..]);
        var isFragment = (BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & 0x3FFF) != 0;
        if (headerSize < 20 || total < headerSize || total > packet.Length || isFragment
            || InternetChecksum.Finish(InternetChecksum.Add(0, packet[..headerSize])) != 0)
        {
            return false;
        }

        parsed = new IpPacket(packet[9], packet[12..16], packet[16..20], packet[headerSize..total]);
        return true;
    }

    private static bool TryParseV6(ReadOnlySpan<byte> packet, out IpPacket parsed)
    {
        parsed = default;
        if (packet.Length < 40)
        {
            return false;
        }

        var length = BinaryPrimitives.ReadUInt16BigEndian(packet[4..]);
        if (length > packet.Length - 40)
        {
            return false;
        }

        var next = packet[6];
        var payload = packet.Slice(40, length);

        // Every pass consumes at least eight bytes, so a chain of headers ends with the packet.
        while (next is HopByHop or Routing or Fragment or DestinationOptions)
        {
            var size = payload.Length < 8 ? 8 : next == Fragment ? 8 : (payload[1] + 1) * 8;
            var refused = payload.Length < size
                || (next == Fragment && (BinaryPrimitives.ReadUInt16BigEndian(payload[2..]) & 0xFFF9) != 0)
                || (next == Routing && payload[3] != 0);
            if (refused)
            {
                return false;
            }

            next = payload[0];
            payload = payload[size..];
        }

        parsed = new IpPacket(next, packet[8..24], packet[24..40], payload);
        return true;
    }
}
