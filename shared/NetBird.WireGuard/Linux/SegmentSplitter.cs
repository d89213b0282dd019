using System.Buffers.Binary;
using NetBird.WireGuard.NetStack;
using NetBird.WireGuard.Userspace;

namespace NetBird.WireGuard.Linux;

/// <summary>
/// Cuts the large packets that the kernel hands to a TUN device with offloads into ones that fit the MTU, as a network card
/// would, and completes checksums. Writes each straight into the train that seals it.
/// </summary>
internal static class SegmentSplitter
{
    private const int TcpFlags = 13;
    private const byte Fin = 0x01;
    private const byte Push = 0x08;
    private const byte Cwr = 0x80;
    private const int MinTcpHeader = 20;
    private const int UdpHeader = 8;

    /// <summary>Hands a packet, or all its segments, to the train. What makes no sense is dropped.</summary>
    public static void Split(in VirtioHeader header, Span<byte> packet, OutboundTrain train)
    {
        var kind = header.SegmentKind & ~VirtioHeader.Ecn;
        if (kind == VirtioHeader.NoSegments)
        {
            if ((header.Flags & VirtioHeader.NeedsChecksum) == 0 || TryCompleteChecksum(in header, packet))
            {
                train.Add(packet);
            }

            return;
        }

        var version = IpHeader.VersionOf(packet);
        var isUdp = kind == VirtioHeader.Udp;
        var transport = (int)header.ChecksumStart;
        if (version == 0 || header.SegmentSize == 0
            || (version == 4 ? transport < IpHeader.V4Size || transport != (packet[0] & 15) * 4 : transport < IpHeader.V6Size)
            || packet.Length < transport + (isUdp ? UdpHeader : MinTcpHeader)
            || (!isUdp && kind != (version == 4 ? VirtioHeader.TcpV4 : VirtioHeader.TcpV6)))
        {
            return;
        }

        var headers = transport + (isUdp ? UdpHeader : (packet[transport + 12] >> 4) * 4);
        if (headers > packet.Length || (!isUdp && headers < transport + MinTcpHeader))
        {
            return;
        }

        var original = packet[..headers];
        var payload = packet[headers..];
        var sequence = isUdp ? 0 : BinaryPrimitives.ReadUInt32BigEndian(packet[(transport + 4)..]);
        var identification = version == 4 ? BinaryPrimitives.ReadUInt16BigEndian(packet[4..]) : (ushort)0;
        for (var (offset, index) = (0, 0); offset < payload.Length; offset += header.SegmentSize, index++)
        {
            var part = payload[offset..Math.Min(payload.Length, offset + header.SegmentSize)];
            var slot = train.Slot[..(headers + part.Length)];
            original.CopyTo(slot);
            part.CopyTo(slot[headers..]);
            SetLength(slot, version, (ushort)(identification + index));
            if (isUdp)
            {
                BinaryPrimitives.WriteUInt16BigEndian(slot[(transport + 4)..], (ushort)(slot.Length - transport));
            }
            else
            {
                BinaryPrimitives.WriteUInt32BigEndian(slot[(transport + 4)..], sequence + (uint)offset);
                ref var flags = ref slot[transport + TcpFlags];
                if (offset + part.Length < payload.Length)
                {
                    // Only the last one ends the stream or the push.
                    flags &= unchecked((byte)~(Fin | Push));
                }

                if (index > 0)
                {
                    flags &= unchecked((byte)~Cwr);
                }
            }

            StoreChecksum(slot, version, transport, isUdp);
            train.Commit(slot.Length);
        }
    }

    private static bool TryCompleteChecksum(in VirtioHeader header, Span<byte> packet)
    {
        var at = header.ChecksumStart + header.ChecksumOffset;
        if (at + 2 > packet.Length)
        {
            return false;
        }

        // The field holds the pseudo header's sum and so takes part in it.
        InternetChecksum.Store(packet[at..], InternetChecksum.Finish(InternetChecksum.Add(0, packet[header.ChecksumStart..])));
        return true;
    }

    private static void SetLength(Span<byte> packet, int version, ushort identification)
    {
        if (version == 6)
        {
            BinaryPrimitives.WriteUInt16BigEndian(packet[4..], (ushort)(packet.Length - IpHeader.V6Size));
            return;
        }

        BinaryPrimitives.WriteUInt16BigEndian(packet[2..], (ushort)packet.Length);
        BinaryPrimitives.WriteUInt16BigEndian(packet[4..], identification);
        var header = packet[..((packet[0] & 15) * 4)];
        header.Slice(10, 2).Clear();
        InternetChecksum.Store(header[10..], InternetChecksum.Finish(InternetChecksum.Add(0, header)));
    }

    private static void StoreChecksum(Span<byte> packet, int version, int transport, bool isUdp)
    {
        const byte Tcp = 6;
        const byte UdpProtocol = 17;
        var (source, size) = version == 4 ? (IpHeader.V4Source, 4) : (IpHeader.V6Source, 16);
        var field = packet.Slice(transport + (isUdp ? 6 : 16), 2);
        field.Clear();
        var sum = InternetChecksum.PseudoHeader(
            packet.Slice(source, size), packet.Slice(source + size, size), isUdp ? UdpProtocol : Tcp, packet.Length - transport);
        var checksum = InternetChecksum.Finish(InternetChecksum.Add(sum, packet[transport..]));

        // RFC 768: zero means that there is none.
        InternetChecksum.Store(field, isUdp && checksum == 0 ? (ushort)0xFFFF : checksum);
    }
}
