using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace NetBird.WireGuard.Linux;

/// <summary>Writes and reads the control messages of datagrams (cmsg(3)): source address, ECN bits, segment size.</summary>
[SupportedOSPlatform("linux")]
internal static unsafe class ControlMessages
{
    /// <summary>Room for everything that is written or asked for here.</summary>
    public const int Capacity = 192;

    // linux/in.h, in6.h, udp.h
    public const int LevelIP = 0;
    public const int LevelIPv6 = 41;
    public const int LevelUdp = 17;
    public const int IPTos = 1;
    public const int IPv6PacketInformation = 50;
    public const int IPv6TrafficClass = 67;
    public const int UdpSegment = 103;
    public const int UdpGro = 104;

    private const int HeaderSize = 16;

    /// <summary>Appends a message; gives the new length of all.</summary>
    public static int Append(Span<byte> control, int used, int level, int type, ReadOnlySpan<byte> data)
    {
        var header = new Libc.ControlHeader { Length = (nuint)(HeaderSize + data.Length), Level = level, Type = type };
        MemoryMarshal.Write(control[used..], in header);
        data.CopyTo(control[(used + HeaderSize)..]);
        return used + HeaderSize + ((data.Length + 7) & ~7);
    }

    /// <summary>What came with a datagram; zeros for what did not.</summary>
    public static void Read(ReadOnlySpan<byte> control, out UInt128 local, out int segmentSize, out byte ecn)
    {
        (local, segmentSize, ecn) = (default, 0, 0);
        while (control.Length >= HeaderSize)
        {
            var header = MemoryMarshal.Read<Libc.ControlHeader>(control);
            if (header.Length < HeaderSize || header.Length > (nuint)control.Length)
            {
                return;
            }

            var data = control[HeaderSize..(int)header.Length];
            switch (header.Level, header.Type)
            {
                case (LevelIPv6, IPv6PacketInformation) when data.Length >= 16:
                    local = BinaryPrimitives.ReadUInt128BigEndian(data);
                    break;
                case (LevelUdp, UdpGro) when data.Length >= sizeof(int):
                    segmentSize = MemoryMarshal.Read<int>(data);
                    break;
                case (LevelIP, IPTos) when data.Length >= 1:
                case (LevelIPv6, IPv6TrafficClass) when data.Length >= 1:
                    // An int of at most 255: its first byte on little-endian machines, which are all that .NET runs Linux on but s390x.
                    ecn = (byte)((BitConverter.IsLittleEndian || data.Length < sizeof(int) ? data[0] : data[3]) & 3);
                    break;
            }

            var next = ((int)header.Length + 7) & ~7;
            control = next < control.Length ? control[next..] : default;
        }
    }
}
