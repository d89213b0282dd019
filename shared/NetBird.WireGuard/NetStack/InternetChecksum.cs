using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace NetBird.WireGuard.NetStack;

/// <summary>The ones' complement sum of RFC 1071, over the packet and the pseudo header of TCP and ICMPv6.</summary>
internal static class InternetChecksum
{
    /// <summary>
    /// Adds bytes to a sum that <see cref="Finish"/> folds. The sum is kept in the machine's byte order, which
    /// RFC 1071 section 2 (B) allows. A part of odd length must be the last one.
    /// </summary>
    public static ulong Add(ulong sum, ReadOnlySpan<byte> data)
    {
        // Two accumulators of 32-bit halves: no carries to chase, so the loop runs at a load per cycle.
        ulong even = 0;
        ulong odd = 0;
        var words = MemoryMarshal.Cast<byte, ulong>(data);
        foreach (var word in words)
        {
            even += (uint)word;
            odd += word >> 32;
        }

        sum += Fold32(even) + Fold32(odd);
        var rest = data[(words.Length * sizeof(ulong))..];
        while (rest.Length >= 2)
        {
            sum += MemoryMarshal.Read<ushort>(rest);
            rest = rest[2..];
        }

        if (rest.Length == 1)
        {
            sum += BitConverter.IsLittleEndian ? rest[0] : (uint)(rest[0] << 8);
        }

        return sum;
    }

    /// <summary>Adds a value that stands in the packet in network order.</summary>
    public static ulong Add(ulong sum, ushort value)
        => sum + (BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(value) : value);

    /// <summary>The pseudo header: RFC 9293 section 3.1 for IPv4, RFC 8200 section 8.1 for IPv6.</summary>
    public static ulong PseudoHeader(ReadOnlySpan<byte> source, ReadOnlySpan<byte> destination, byte protocol, int length)
    {
        var sum = Add(Add(0, source), destination);
        sum = Add(sum, protocol);
        sum = Add(sum, (ushort)(length >> 16));
        return Add(sum, (ushort)length);
    }

    /// <summary>Folds and complements; zero over data that carries its own right checksum.</summary>
    /// <returns>In network order when stored with <see cref="Store"/>.</returns>
    public static ushort Finish(ulong sum)
    {
        sum = Fold32(sum);
        sum = (sum & 0xFFFF) + (sum >> 16);
        sum = (sum & 0xFFFF) + (sum >> 16);
        sum = (sum & 0xFFFF) + (sum >> 16);
        return (ushort)~sum;
    }

    /// <summary>Writes what <see cref="Finish"/> returned.</summary>
    public static void Store(Span<byte> destination, ushort checksum) => MemoryMarshal.Write(destination, in checksum);

    private static ulong Fold32(ulong sum) => (sum & 0xFFFFFFFF) + (sum >> 32);
}
