using System.Security.Cryptography;
using System.Text;
using NetBird.Primitives;

namespace NetBird.WireGuard;

/// <summary>
/// Proof that its maker holds a private key, checked by the holder of another: an HMAC-SHA-256 under a key
/// that HKDF (RFC 5869) makes from their X25519 secret. Only the two ends can make it, so it proves nothing
/// to third parties. The message carries a nonce of the verifier's, or the proof could be replayed.
/// </summary>
public static class KeyProof
{
    /// <summary>Bytes of a proof.</summary>
    public const int Size = 32;

    // Binds the derived key to this use, so the same pair's tunnel keys share nothing with it.
    private static readonly byte[] Context = Encoding.ASCII.GetBytes("netbird-agent key proof v1");

    /// <summary>Makes the proof over <paramref name="message"/>, or checks one by making it again.</summary>
    /// <param name="own">Our private key.</param>
    /// <param name="other">The other end's public key.</param>
    /// <param name="message">What is proved: the verifier's nonce and what the key is being bound to.</param>
    /// <returns>32 bytes; null when <paramref name="other"/> is a low-order point.</returns>
    public static byte[]? Create(PrivateKey own, PublicKey other, ReadOnlySpan<byte> message)
    {
        ArgumentNullException.ThrowIfNull(own);
        Span<byte> secret = stackalloc byte[32];
        Span<byte> key = stackalloc byte[32];
        try
        {
            if (!own.TryAgree(other, secret))
            {
                return null;
            }

            HKDF.DeriveKey(HashAlgorithmName.SHA256, secret, key, salt: [], info: Context);
            return HMACSHA256.HashData(key, message);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
            CryptographicOperations.ZeroMemory(key);
        }
    }

    /// <summary>True when <paramref name="proof"/> was made by the holder of <paramref name="other"/>'s private key.</summary>
    public static bool Verify(PrivateKey own, PublicKey other, ReadOnlySpan<byte> message, ReadOnlySpan<byte> proof)
        => Create(own, other, message) is { } expected && CryptographicOperations.FixedTimeEquals(expected, proof);
}
