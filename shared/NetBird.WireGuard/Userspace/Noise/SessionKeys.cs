using System.Security.Cryptography;

namespace NetBird.WireGuard.Userspace.Noise;

/// <summary>What a handshake ends in: a key for each direction and the other end's index.</summary>
internal sealed class SessionKeys : IDisposable
{
    private readonly byte[] _keys = GC.AllocateUninitializedArray<byte>(64, pinned: true);

    /// <param name="state">The finished handshake.</param>
    /// <param name="isInitiator">Whether we began it.</param>
    /// <param name="remoteIndex">The index that the other end gave itself.</param>
    public SessionKeys(SymmetricState state, bool isInitiator, uint remoteIndex)
    {
        IsInitiator = isInitiator;
        RemoteIndex = remoteIndex;
        if (isInitiator)
        {
            state.Split(_keys.AsSpan(0, 32), _keys.AsSpan(32, 32));
        }
        else
        {
            state.Split(_keys.AsSpan(32, 32), _keys.AsSpan(0, 32));
        }
    }

    public bool IsInitiator { get; }

    public uint RemoteIndex { get; }

    public ReadOnlySpan<byte> Send => _keys.AsSpan(0, 32);

    public ReadOnlySpan<byte> Receive => _keys.AsSpan(32, 32);

    public void Dispose() => CryptographicOperations.ZeroMemory(_keys);
}
