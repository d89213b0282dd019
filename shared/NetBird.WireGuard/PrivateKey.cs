using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using NetBird.Primitives;

namespace NetBird.WireGuard;

/// <summary>
/// A Curve25519 private key (RFC 7748) in pinned memory, zeroed when disposed. It has no text form but
/// <see cref="Export"/>, for the file that keeps it.
/// </summary>
public sealed class PrivateKey : IDisposable
{
    /// <summary>Bytes of a key.</summary>
    public const int Size = 32;

    // Pinned, so that the collector leaves no copies behind when it moves objects.
    private readonly byte[] _bytes = GC.AllocateUninitializedArray<byte>(Size, pinned: true);
    private bool _disposed;

    /// <param name="key">Exactly 32 bytes; clamped as RFC 7748 section 5 says. The caller zeroes its copy.</param>
    /// <exception cref="ArgumentException"><paramref name="key"/> is not 32 bytes long.</exception>
    public PrivateKey(ReadOnlySpan<byte> key)
    {
        if (key.Length != Size)
        {
            throw new ArgumentException($"A private key has {Size} bytes, not {key.Length}.", nameof(key));
        }

        key.CopyTo(_bytes);
        _bytes[0] &= 0xF8;
        _bytes[31] = (byte)((_bytes[31] & 0x7F) | 0x40);
        PublicKey = Curve25519.PublicKeyOf(_bytes);
    }

    /// <summary>The public half.</summary>
    public PublicKey PublicKey { get; }

    /// <summary>A fresh key from the operating system's generator.</summary>
    public static PrivateKey Generate()
    {
        Span<byte> bytes = stackalloc byte[Size];
        RandomNumberGenerator.Fill(bytes);
        try
        {
            return new PrivateKey(bytes);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    /// <summary>Parses the base64 form of wg(8); null for anything else.</summary>
    public static PrivateKey? TryParse(ReadOnlySpan<char> text)
    {
        Span<byte> bytes = stackalloc byte[Size + 3];
        try
        {
            return Convert.TryFromBase64Chars(text.Trim(), bytes, out var written) && written == Size
                ? new PrivateKey(bytes[..Size])
                : null;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    /// <summary>Copies the 32 bytes out; the caller zeroes them.</summary>
    /// <exception cref="ObjectDisposedException">The key was zeroed.</exception>
    public void Export(Span<byte> destination)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _bytes.CopyTo(destination);
    }

    /// <summary>The 32-byte shared secret with another key.</summary>
    /// <returns>False when the result is all zero (a low-order point), which WireGuard refuses.</returns>
    /// <exception cref="ObjectDisposedException">The key was zeroed.</exception>
    public bool TryAgree(PublicKey other, Span<byte> secret)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return Curve25519.TryAgree(_bytes, other, secret);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _disposed = true;
        CryptographicOperations.ZeroMemory(_bytes);
    }
}
