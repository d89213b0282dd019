using NetBird.WireGuard.Userspace.Noise;
using PublicKey = NetBird.Primitives.PublicKey;

namespace NetBird.WireGuard;

/// <summary>X25519 (RFC 7748 section 5) by libsodium: about 45 us a call where BouncyCastle takes 192.</summary>
internal static class Curve25519
{
    public static PublicKey PublicKeyOf(ReadOnlySpan<byte> privateKey)
    {
        Span<byte> point = stackalloc byte[PublicKey.Size];
        Sodium.ScalarMultiplyBase(privateKey, point);
        return new PublicKey(point);
    }

    /// <summary>The shared secret; false when it is all zero, which is what a low-order point makes of it.</summary>
    public static bool TryAgree(ReadOnlySpan<byte> privateKey, PublicKey other, Span<byte> secret)
    {
        Span<byte> point = stackalloc byte[PublicKey.Size];
        other.CopyTo(point);
        return Sodium.TryScalarMultiply(privateKey, point, secret[..PublicKey.Size]);
    }
}
