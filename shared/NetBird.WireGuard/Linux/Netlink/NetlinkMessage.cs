using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace NetBird.WireGuard.Linux.Netlink;

/// <summary>
/// One request being built: header, a family's fixed part, attributes (netlink(7)). Integers are in the
/// machine's order as the kernel reads them. The buffer is pinned and zeroed when disposed, since requests of
/// the "wireguard" family carry keys.
/// </summary>
internal sealed class NetlinkMessage : IDisposable
{
    /// <summary>sizeof(struct nlmsghdr).</summary>
    public const int HeaderSize = 16;

    /// <summary>sizeof(struct nlattr).</summary>
    public const int AttributeHeaderSize = 4;

    // NLA_F_NESTED, linux/netlink.h. The "wireguard" family validates strictly and insists on it.
    private const ushort Nested = 0x8000;

    private byte[] _buffer = GC.AllocateArray<byte>(1024, pinned: true);

    public NetlinkMessage(ushort type, NetlinkFlags flags)
    {
        MemoryMarshal.Write(_buffer.AsSpan(4), type);
        MemoryMarshal.Write(_buffer.AsSpan(6), (ushort)flags);
        Length = HeaderSize;
    }

    /// <summary>Bytes so far, padded to 4.</summary>
    public int Length { get; private set; }

    /// <summary>Appends the family's fixed header.</summary>
    public NetlinkMessage Fixed(ReadOnlySpan<byte> header)
    {
        header.CopyTo(Grow(header.Length));
        return this;
    }

    public NetlinkMessage Put(ushort attribute, ReadOnlySpan<byte> value)
    {
        var span = Grow(AttributeHeaderSize + value.Length);
        MemoryMarshal.Write(span, checked((ushort)(AttributeHeaderSize + value.Length)));
        MemoryMarshal.Write(span[2..], attribute);
        value.CopyTo(span[AttributeHeaderSize..]);
        return this;
    }

    public NetlinkMessage Put(ushort attribute, uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        MemoryMarshal.Write(bytes, value);
        return Put(attribute, bytes);
    }

    public NetlinkMessage Put(ushort attribute, ushort value)
    {
        Span<byte> bytes = stackalloc byte[2];
        MemoryMarshal.Write(bytes, value);
        return Put(attribute, bytes);
    }

    public NetlinkMessage Put(ushort attribute, byte value) => Put(attribute, [value]);

    /// <summary>A NUL-terminated string (NLA_NUL_STRING).</summary>
    public NetlinkMessage Put(ushort attribute, string value) => Put(attribute, Encoding.UTF8.GetBytes(value + '\0'));

    /// <summary>Opens a nested attribute; close it with <see cref="End"/>.</summary>
    /// <returns>What <see cref="End"/> wants.</returns>
    public int Begin(ushort attribute)
    {
        var start = Length;
        MemoryMarshal.Write(Grow(AttributeHeaderSize)[2..], (ushort)(attribute | Nested));
        return start;
    }

    /// <exception cref="OverflowException">The nested part passed 65,535 bytes, the most an attribute can say.</exception>
    public NetlinkMessage End(int start)
    {
        MemoryMarshal.Write(_buffer.AsSpan(start), checked((ushort)(Length - start)));
        return this;
    }

    /// <summary>The message, ready to send under <paramref name="sequence"/>.</summary>
    public ReadOnlySpan<byte> Complete(uint sequence)
    {
        MemoryMarshal.Write(_buffer, (uint)Length);
        MemoryMarshal.Write(_buffer.AsSpan(8), sequence);
        return _buffer.AsSpan(0, Length);
    }

    public void Dispose() => CryptographicOperations.ZeroMemory(_buffer);

    private Span<byte> Grow(int size)
    {
        var padded = (size + 3) & ~3;
        if (Length + padded > _buffer.Length)
        {
            var larger = GC.AllocateArray<byte>(Math.Max(_buffer.Length * 2, Length + padded), pinned: true);
            _buffer.AsSpan(0, Length).CopyTo(larger);
            CryptographicOperations.ZeroMemory(_buffer);
            _buffer = larger;
        }

        var span = _buffer.AsSpan(Length, size);
        Length += padded;
        return span;
    }
}
