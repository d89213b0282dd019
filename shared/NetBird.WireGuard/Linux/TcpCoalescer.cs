using System.Buffers.Binary;
using System.Runtime.InteropServices;
using NetBird.WireGuard.NetStack;
using NetBird.WireGuard.Userspace;

namespace NetBird.WireGuard.Linux;

/// <summary>
/// Puts consecutive TCP segments of one connection together into one large packet for the kernel (as its own GRO does,
/// net/ipv4/tcp_offload.c), so that one write and one pass through the stack carry many. Whatever cannot be appended goes on alone, and
/// order is kept. For one thread at a time.
/// </summary>
internal sealed class TcpCoalescer
{
    private const byte Tcp = 6;
    private const byte Acknowledge = 0x10;
    private const byte Push = 0x08;
    private const int MinTcpHeader = 20;
    private const int MaxPacket = 65_535;
    private const int MaxHeaders = IpHeader.V6Size + 60;

    private readonly byte[] _buffer = GC.AllocateUninitializedArray<byte>(VirtioHeader.Size + MaxPacket, pinned: true);
    private readonly WritePacket _write;
    private int _length;
    private int _transport;
    private int _headers;
    private int _segmentSize;
    private int _segments;
    private uint _nextSequence;
    private bool _isClosed;

    public TcpCoalescer(WritePacket write) => _write = write;

    /// <summary>Takes what is to be written: a <see cref="VirtioHeader"/> and the packet.</summary>
    public delegate void WritePacket(ReadOnlySpan<byte> frame);

    private Span<byte> Packet => _buffer.AsSpan(VirtioHeader.Size, _length);

    public void Add(ReadOnlySpan<byte> packet)
    {
        if (!TryFindPayload(packet, out var transport, out var headers))
        {
            Flush();
            WriteAlone(packet, flags: 0);
            return;
        }

        if (_segments > 0 && !_isClosed && CanAppend(packet, transport, headers))
        {
            Append(packet, headers);
            return;
        }

        Flush();
        Begin(packet, transport, headers);
    }

    /// <summary>Writes what was put together.</summary>
    public void Flush()
    {
        if (_segments == 0)
        {
            return;
        }

        var packet = Packet;
        var header = new VirtioHeader { Flags = VirtioHeader.ChecksumValid };
        if (_segments > 1)
        {
            var isV4 = packet[0] >> 4 == 4;
            if (isV4)
            {
                BinaryPrimitives.WriteUInt16BigEndian(packet[2..], (ushort)_length);
                packet.Slice(10, 2).Clear();
                InternetChecksum.Store(packet[10..], InternetChecksum.Finish(InternetChecksum.Add(0, packet[..IpHeader.V4Size])));
            }
            else
            {
                BinaryPrimitives.WriteUInt16BigEndian(packet[4..], (ushort)(_length - IpHeader.V6Size));
            }

            // Each segment's checksum was right, so the kernel may make a new one from the pseudo header's sum.
            InternetChecksum.Store(packet[(_transport + 16)..], (ushort)~InternetChecksum.Finish(PseudoHeader(packet, _transport)));
            header = new VirtioHeader
            {
                Flags = VirtioHeader.NeedsChecksum,
                SegmentKind = isV4 ? VirtioHeader.TcpV4 : VirtioHeader.TcpV6,
                HeaderLength = (ushort)_headers,
                SegmentSize = (ushort)_segmentSize,
                ChecksumStart = (ushort)_transport,
                ChecksumOffset = 16,
            };
        }

        MemoryMarshal.Write(_buffer, in header);
        _segments = 0;
        _write(_buffer.AsSpan(0, VirtioHeader.Size + _length));
    }

    private void Begin(ReadOnlySpan<byte> packet, int transport, int headers)
    {
        packet.CopyTo(_buffer.AsSpan(VirtioHeader.Size));
        (_length, _transport, _headers, _segments) = (packet.Length, transport, headers, 1);
        _segmentSize = packet.Length - headers;
        _nextSequence = BinaryPrimitives.ReadUInt32BigEndian(packet[(transport + 4)..]) + (uint)_segmentSize;
        _isClosed = (packet[transport + 13] & Push) != 0;
    }

    private bool CanAppend(ReadOnlySpan<byte> packet, int transport, int headers)
    {
        var first = Packet;
        var payload = packet.Length - headers;
        if (transport != _transport || headers != _headers || payload > _segmentSize || _length + payload > MaxPacket
            || BinaryPrimitives.ReadUInt32BigEndian(packet[(transport + 4)..]) != _nextSequence)
        {
            return false;
        }

        // Everything before the transport header but lengths, identification and checksum; then ports, acknowledgement, data offset,
        // window and options. The PSH flag may differ: it closes the packet.
        var sameIp = packet[0] >> 4 == 4
            ? packet[..2].SequenceEqual(first[..2]) && packet[6..10].SequenceEqual(first[6..10]) && packet[12..20].SequenceEqual(first[12..20])
            : packet[..4].SequenceEqual(first[..4]) && packet[6..40].SequenceEqual(first[6..40]);
        var a = packet[transport..headers];
        ReadOnlySpan<byte> b = first[transport..headers];
        return sameIp
            && a[..4].SequenceEqual(b[..4])
            && a[8..13].SequenceEqual(b[8..13])
            && a[14..16].SequenceEqual(b[14..16])
            && a[18..].SequenceEqual(b[18..]);
    }

    private void Append(ReadOnlySpan<byte> packet, int headers)
    {
        var payload = packet[headers..];
        payload.CopyTo(_buffer.AsSpan(VirtioHeader.Size + _length));
        _length += payload.Length;
        _segments++;
        _nextSequence += (uint)payload.Length;
        var push = (byte)(packet[_transport + 13] & Push);
        Packet[_transport + 13] |= push;
        _isClosed = push != 0 || payload.Length < _segmentSize;
    }

    private void WriteAlone(ReadOnlySpan<byte> packet, byte flags)
    {
        var header = new VirtioHeader { Flags = flags };
        MemoryMarshal.Write(_buffer, in header);
        packet.CopyTo(_buffer.AsSpan(VirtioHeader.Size));
        _write(_buffer.AsSpan(0, VirtioHeader.Size + packet.Length));
    }

    // True for a plain TCP segment with data, whose checksum holds.
    private static bool TryFindPayload(ReadOnlySpan<byte> packet, out int transport, out int headers)
    {
        (transport, headers) = (0, 0);
        switch (IpHeader.VersionOf(packet))
        {
            // No options, no fragment.
            case 4 when packet[0] == 0x45 && packet[9] == Tcp && (BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & 0x3FFF) == 0:
                transport = IpHeader.V4Size;
                break;
            case 6 when packet[6] == Tcp:
                transport = IpHeader.V6Size;
                break;
            default:
                return false;
        }

        if (packet.Length < transport + MinTcpHeader)
        {
            return false;
        }

        headers = transport + ((packet[transport + 12] >> 4) * 4);
        return headers >= transport + MinTcpHeader
            && headers < packet.Length
            && headers <= MaxHeaders
            && (packet[transport + 13] & ~Push) == Acknowledge
            && InternetChecksum.Finish(InternetChecksum.Add(PseudoHeader(packet, transport), packet[transport..])) == 0;
    }

    private static ulong PseudoHeader(ReadOnlySpan<byte> packet, int transport)
    {
        var (source, size) = transport == IpHeader.V4Size ? (IpHeader.V4Source, 4) : (IpHeader.V6Source, 16);
        return InternetChecksum.PseudoHeader(packet.Slice(source, size), packet.Slice(source + size, size), Tcp, packet.Length - transport);
    }
}
