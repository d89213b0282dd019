using System.Security.Cryptography;

namespace NetBird.WireGuard.Userspace.Noise;

/// <summary>WireGuard's Kdf_n: HKDF (RFC 5869) over HMAC-BLAKE2s with an empty info (WireGuard paper, section 5.4).</summary>
internal static class Kdf
{
    /// <summary>One output; <paramref name="first"/> may be where <paramref name="chain"/> is.</summary>
    public static void Derive(ReadOnlySpan<byte> chain, ReadOnlySpan<byte> input, Span<byte> first)
        => Derive(chain, input, first, default, default);

    /// <summary>Two outputs.</summary>
    public static void Derive(ReadOnlySpan<byte> chain, ReadOnlySpan<byte> input, Span<byte> first, Span<byte> second)
        => Derive(chain, input, first, second, default);

    /// <summary>Up to three outputs; empty ones are not made.</summary>
    public static void Derive(
        ReadOnlySpan<byte> chain, ReadOnlySpan<byte> input, Span<byte> first, Span<byte> second, Span<byte> third)
    {
        Span<byte> pseudorandom = stackalloc byte[Blake2s.HashSize];
        Span<byte> block = stackalloc byte[Blake2s.HashSize];
        Blake2s.Hmac(chain, input, default, pseudorandom);
        Blake2s.Hmac(pseudorandom, [1], default, block);
        block.CopyTo(first);
        if (!second.IsEmpty)
        {
            Blake2s.Hmac(pseudorandom, block, [2], block);
            block.CopyTo(second);
        }

        if (!third.IsEmpty)
        {
            Blake2s.Hmac(pseudorandom, block, [3], block);
            block.CopyTo(third);
        }

        CryptographicOperations.ZeroMemory(pseudorandom);
        CryptographicOperations.ZeroMemory(block);
    }
}
