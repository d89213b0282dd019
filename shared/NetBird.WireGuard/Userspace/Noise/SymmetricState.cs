using System.Security.Cryptography;

namespace NetBird.WireGuard.Userspace.Noise;

/// <summary>The chaining key and transcript hash of one handshake (Noise, revision 34, section 5.2), in pinned memory.</summary>
internal sealed class SymmetricState : IDisposable
{
    private readonly byte[] _bytes = GC.AllocateUninitializedArray<byte>(3 * Blake2s.HashSize, pinned: true);

    /// <param name="initialHash">The transcript hash that includes the responder's public key.</param>
    public SymmetricState(ReadOnlySpan<byte> initialHash)
    {
        StaticIdentity.InitialChainingKey.CopyTo(ChainingKey);
        initialHash.CopyTo(Hash);
    }

    private SymmetricState(SymmetricState other) => other._bytes.CopyTo(_bytes, 0);

    private Span<byte> ChainingKey => _bytes.AsSpan(0, Blake2s.HashSize);

    private Span<byte> Hash => _bytes.AsSpan(Blake2s.HashSize, Blake2s.HashSize);

    private Span<byte> CipherKey => _bytes.AsSpan(2 * Blake2s.HashSize, Blake2s.HashSize);

    /// <summary>A copy to go on with, so that a forged message leaves this state as it was.</summary>
    public SymmetricState Copy() => new(this);

    public void MixHash(ReadOnlySpan<byte> data) => Blake2s.Hash(Hash, data, Hash);

    /// <summary>Mixes a public ephemeral into the hash and, as psk handshakes do, into the chaining key.</summary>
    public void MixEphemeral(ReadOnlySpan<byte> point)
    {
        MixHash(point);
        Kdf.Derive(ChainingKey, point, ChainingKey);
    }

    /// <summary>Mixes a shared secret in without making a cipher key.</summary>
    public void MixSecret(ReadOnlySpan<byte> secret) => Kdf.Derive(ChainingKey, secret, ChainingKey);

    /// <summary>Mixes a shared secret in and makes the key of the next <see cref="Seal"/> or <see cref="TryOpen"/>.</summary>
    public void MixKey(ReadOnlySpan<byte> secret) => Kdf.Derive(ChainingKey, secret, ChainingKey, CipherKey);

    /// <summary>Mixes the preshared key in (psk2).</summary>
    public void MixPresharedKey(ReadOnlySpan<byte> presharedKey)
    {
        Span<byte> tau = stackalloc byte[Blake2s.HashSize];
        Kdf.Derive(ChainingKey, presharedKey, ChainingKey, tau, CipherKey);
        MixHash(tau);
        CryptographicOperations.ZeroMemory(tau);
    }

    /// <summary>Seals a field under the transcript hash and mixes the result into it.</summary>
    public void Seal(ReadOnlySpan<byte> plaintext, Span<byte> sealedText)
    {
        Sodium.Seal(CipherKey, 0, plaintext, Hash, sealedText);
        MixHash(sealedText);
    }

    /// <summary>Opens a field; the hash moves on only when it was authentic.</summary>
    public bool TryOpen(ReadOnlySpan<byte> sealedText, Span<byte> plaintext)
    {
        if (!Sodium.TryOpen(CipherKey, 0, sealedText, Hash, plaintext))
        {
            return false;
        }

        MixHash(sealedText);
        return true;
    }

    /// <summary>The transport keys: the initiator sends under the first.</summary>
    public void Split(Span<byte> initiatorSends, Span<byte> responderSends)
        => Kdf.Derive(ChainingKey, default, initiatorSends, responderSends);

    public void Dispose() => CryptographicOperations.ZeroMemory(_bytes);
}
