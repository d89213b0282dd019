using System.Security.Cryptography;
using System.Text;
using NetBird.Primitives;

namespace NetBird.WireGuard.Userspace.Noise;

/// <summary>Our own key and the hashes every handshake starts from.</summary>
internal sealed class StaticIdentity : IDisposable
{
    // WireGuard paper, section 5.4: Construction and Identifier.
    private static readonly byte[] Construction = Encoding.ASCII.GetBytes("Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s");
    private static readonly byte[] Identifier = Encoding.ASCII.GetBytes("WireGuard v1 zx2c4 Jason@zx2c4.com");
    private static readonly byte[] Mac1Label = Encoding.ASCII.GetBytes("mac1----");
    private static readonly byte[] CookieLabel = Encoding.ASCII.GetBytes("cookie--");

    private readonly Blake2s _mac1;
    private readonly byte[] _privateKey = GC.AllocateUninitializedArray<byte>(PrivateKey.Size, pinned: true);

    public StaticIdentity(PrivateKey privateKey)
    {
        privateKey.Export(_privateKey);
        PublicKey = privateKey.PublicKey;
        PublicKeyBytes = PublicKey.ToArray();
        _mac1 = Blake2s.KeyedMac(Mac1KeyOf(PublicKeyBytes));
        CookieKey = new byte[Blake2s.HashSize];
        Blake2s.Hash(CookieLabel, PublicKeyBytes, CookieKey);
        InitialHash = InitialHashFor(PublicKeyBytes);
    }

    /// <summary>Hash(Construction): the chaining key before anything is mixed in.</summary>
    public static byte[] InitialChainingKey { get; } = HashOf(Construction, []);

    public PublicKey PublicKey { get; }

    public byte[] PublicKeyBytes { get; }

    /// <summary>Keys the cookie replies that we send.</summary>
    public byte[] CookieKey { get; }

    /// <summary>The transcript hash before the first message of a handshake towards us.</summary>
    public byte[] InitialHash { get; }

    /// <summary>Hash(Hash(Hash(Construction) || Identifier) || responder's public key).</summary>
    public static byte[] InitialHashFor(ReadOnlySpan<byte> responder)
        => HashOf(HashOf(InitialChainingKey, Identifier), responder);

    /// <summary>Hash("mac1----" || key): keys the mac1 of messages sent to the holder of <paramref name="publicKey"/>.</summary>
    public static byte[] Mac1KeyOf(ReadOnlySpan<byte> publicKey) => HashOf(Mac1Label, publicKey);

    /// <summary>Hash("cookie--" || key): opens the cookie replies of the holder of <paramref name="publicKey"/>.</summary>
    public static byte[] CookieKeyOf(ReadOnlySpan<byte> publicKey) => HashOf(CookieLabel, publicKey);

    /// <summary>The mac1 of a message sent to us (WireGuard paper, section 5.4.4).</summary>
    /// <param name="covered">The message up to its macs.</param>
    /// <param name="mac1">16 bytes.</param>
    public void WriteMac1(ReadOnlySpan<byte> covered, Span<byte> mac1)
    {
        var state = _mac1;
        state.Update(covered);
        state.Finish(mac1);
    }

    /// <summary>Our secret with a point; false for a low-order one.</summary>
    public bool TryAgree(ReadOnlySpan<byte> point, Span<byte> secret) => Sodium.TryScalarMultiply(_privateKey, point, secret);

    /// <summary>The key for whoever owns the interface; the caller disposes it.</summary>
    public PrivateKey CopyPrivateKey() => new(_privateKey);

    public void Dispose() => CryptographicOperations.ZeroMemory(_privateKey);

    private static byte[] HashOf(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second)
    {
        var hash = new byte[Blake2s.HashSize];
        Blake2s.Hash(first, second, hash);
        return hash;
    }
}
