using System.Runtime.InteropServices;

namespace NetBird.WireGuard.Linux;

/// <summary>
/// struct virtio_net_hdr (linux/virtio_net.h), which goes before each packet of a TUN device with IFF_VNET_HDR; 10 bytes in the
/// machine's order.
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 2)]
internal struct VirtioHeader
{
    public const int Size = 10;

    /// <summary>The checksum is left to us: the field holds the pseudo header's sum.</summary>
    public const byte NeedsChecksum = 1;

    /// <summary>The checksum was verified.</summary>
    public const byte ChecksumValid = 2;

    public const byte NoSegments = 0;
    public const byte TcpV4 = 1;
    public const byte TcpV6 = 4;
    public const byte Udp = 5;

    /// <summary>Set in <see cref="SegmentKind"/> when the first segment alone carries CWR (RFC 3168 section 6.1.2).</summary>
    public const byte Ecn = 0x80;

    public byte Flags;
    public byte SegmentKind;
    public ushort HeaderLength;
    public ushort SegmentSize;
    public ushort ChecksumStart;
    public ushort ChecksumOffset;
}
