using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;

namespace NetBird.Primitives;

/// <summary>A Curve25519 public key (RFC 7748), 32 bytes; the text form is base64 as wg(8) prints it.</summary>
public readonly record struct PublicKey
{
    /// <summary>Bytes of a key.</summary>
    public const int Size = 32;

    private readonly ulong _a;
    private readonly ulong _b;
    private readonly ulong _c;
    private readonly ulong _d;

    /// <param name="key">Exactly 32 bytes.</param>
    /// <exception cref="ArgumentException"><paramref name="key"/> is not 32 bytes long.</exception>
    public PublicKey(ReadOnlySpan<byte> key)
    {
        if (key.Length != Size)
        {
            throw new ArgumentException($"A public key has {Size} bytes, not {key.Length}.", nameof(key));
        }

        _a = BinaryPrimitives.ReadUInt64LittleEndian(key);
        _b = BinaryPrimitives.ReadUInt64LittleEndian(key[8..]);
        _c = BinaryPrimitives.ReadUInt64LittleEndian(key[16..]);
        _d = BinaryPrimitives.ReadUInt64LittleEndian(key[24..]);
    }

    /// <summary>Parses the base64 form; false for anything but 44 characters that decode to 32 bytes.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out PublicKey key)
    {
        Span<byte> bytes = stackalloc byte[Size + 3];
        if (text is { Length: 44 } && Convert.TryFromBase64String(text, bytes, out var written) && written == Size)
        {
            key = new(bytes[..Size]);
            return true;
        }

        key = default;
        return false;
    }

    /// <summary>Copies the 32 bytes to the start of <paramref name="destination"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="destination"/> is shorter than 32 bytes.</exception>
    public void CopyTo(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(destination, _a);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[8..], _b);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[16..], _c);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[24..], _d);
    }

    /// <summary>The 32 bytes in a fresh array.</summary>
    public byte[] ToArray()
    {
        var bytes = new byte[Size];
        CopyTo(bytes);
        return bytes;
    }

    /// <summary>The first 8 characters of the base64 form, for logs.</summary>
    public string Fingerprint => ToString()[..8];

    /// <inheritdoc/>
    public override string ToString() => Convert.ToBase64String(ToArray());
}
