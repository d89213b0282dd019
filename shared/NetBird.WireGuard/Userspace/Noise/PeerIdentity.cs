using System.Security.Cryptography;
using NetBird.Primitives;

namespace NetBird.WireGuard.Userspace.Noise;

/// <summary>What a handshake with one peer needs: its key, our static secret with it, and the preshared key.</summary>
internal sealed class PeerIdentity : IDisposable
{
    // The static-static secret, then the preshared key; zeros when unset, as the protocol has it.
    private readonly byte[] _secrets = GC.AllocateArray<byte>(64, pinned: true);
    private byte[]? _mac1Key;
    private byte[]? _initialHash;

    public PeerIdentity(StaticIdentity own, PublicKey key)
    {
        PublicKey = key;
        Span<byte> point = stackalloc byte[PublicKey.Size];
        key.CopyTo(point);
        IsLowOrder = !own.TryAgree(point, _secrets.AsSpan(0, 32));
    }

    public PublicKey PublicKey { get; }

    /// <summary>True when the key agrees on the all-zero secret with everybody: no handshake is ever made.</summary>
    public bool IsLowOrder { get; }

    public ReadOnlySpan<byte> StaticSecret => _secrets.AsSpan(0, 32);

    public ReadOnlySpan<byte> PresharedKey => _secrets.AsSpan(32, 32);

    // The next two are made when first we call the peer, which a server of thousands rarely does.
    public byte[] Mac1Key => _mac1Key ??= StaticIdentity.Mac1KeyOf(PublicKey.ToArray());

    public byte[] InitialHash => _initialHash ??= StaticIdentity.InitialHashFor(PublicKey.ToArray());

    public void SetPresharedKey(ReadOnlySpan<byte> key)
    {
        if (key.IsEmpty)
        {
            CryptographicOperations.ZeroMemory(_secrets.AsSpan(32, 32));
            return;
        }

        key.CopyTo(_secrets.AsSpan(32, 32));
    }

    public void Dispose() => CryptographicOperations.ZeroMemory(_secrets);
}
