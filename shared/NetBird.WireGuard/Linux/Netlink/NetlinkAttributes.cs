using System.Runtime.InteropServices;
using System.Text;

namespace NetBird.WireGuard.Linux.Netlink;

/// <summary>
/// Walks a run of netlink attributes. Lengths are checked against what was received, never trusted.
/// </summary>
internal ref struct NetlinkAttributes(ReadOnlySpan<byte> bytes)
{
    // NLA_TYPE_MASK: the upper two bits say "nested" and "network order".
    private const ushort TypeMask = 0x3FFF;

    private ReadOnlySpan<byte> _rest = bytes;

    /// <summary>Attribute number without its flag bits.</summary>
    public ushort Type { get; private set; }

    /// <summary>The payload of the current attribute.</summary>
    public ReadOnlySpan<byte> Value { get; private set; }

    /// <summary>Goes to the next attribute.</summary>
    /// <exception cref="InvalidDataException">An attribute runs past its parent.</exception>
    public bool Next()
    {
        if (_rest.Length < NetlinkMessage.AttributeHeaderSize)
        {
            return false;
        }

        var length = MemoryMarshal.Read<ushort>(_rest);
        if (length < NetlinkMessage.AttributeHeaderSize || length > _rest.Length)
        {
            throw new InvalidDataException($"A netlink attribute says {length} bytes where {_rest.Length} are left.");
        }

        Type = (ushort)(MemoryMarshal.Read<ushort>(_rest[2..]) & TypeMask);
        Value = _rest[NetlinkMessage.AttributeHeaderSize..length];
        _rest = _rest[Math.Min((length + 3) & ~3, _rest.Length)..];
        return true;
    }

    public readonly T Read<T>()
        where T : unmanaged
        => MemoryMarshal.TryRead<T>(Value, out var value)
            ? value
            : throw new InvalidDataException($"Netlink attribute {Type} has {Value.Length} bytes, too few for {typeof(T).Name}.");

    /// <summary>The payload as text up to its first NUL.</summary>
    public readonly string ReadText()
    {
        var end = Value.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? Value : Value[..end]);
    }
}
