using System.Buffers.Binary;
using System.Security.Cryptography;

namespace NetBird.WireGuard.Userspace.Noise;

/// <summary>Our side of a handshake that we began: the initiation we sent and what is kept until the response.</summary>
internal sealed class InitiatorHandshake : IDisposable
{
    private readonly StaticIdentity _own;
    private readonly PeerIdentity _peer;
    private readonly SymmetricState _state;
    private readonly byte[] _ephemeral = GC.AllocateUninitializedArray<byte>(32, pinned: true);

    public InitiatorHandshake(StaticIdentity own, PeerIdentity peer, uint localIndex)
    {
        _own = own;
        _peer = peer;
        LocalIndex = localIndex;
        _state = new SymmetricState(peer.InitialHash);
        RandomNumberGenerator.Fill(_ephemeral);
    }

    /// <summary>The index that the response is to carry; it becomes the session's.</summary>
    public uint LocalIndex { get; }

    /// <summary>Writes the first message up to its macs (WireGuard paper, section 5.4.2). Called once.</summary>
    public void WriteInitiation(Span<byte> message, ReadOnlySpan<byte> timestamp)
    {
        Span<byte> secret = stackalloc byte[32];
        Span<byte> point = stackalloc byte[32];
        BinaryPrimitives.WriteUInt32LittleEndian(message, WireFormat.Initiation);
        BinaryPrimitives.WriteUInt32LittleEndian(message[4..], LocalIndex);

        var ephemeral = message.Slice(8, 32);
        Sodium.ScalarMultiplyBase(_ephemeral, ephemeral);
        _state.MixEphemeral(ephemeral);

        _peer.PublicKey.CopyTo(point);
        if (!Sodium.TryScalarMultiply(_ephemeral, point, secret))
        {
            throw new InvalidOperationException("No handshake is made with a low-order key.");
        }

        _state.MixKey(secret);
        _state.Seal(_own.PublicKeyBytes, message.Slice(40, 48));
        _state.MixKey(_peer.StaticSecret);
        _state.Seal(timestamp, message.Slice(88, 28));
        CryptographicOperations.ZeroMemory(secret);
    }

    /// <summary>
    /// Reads the response (section 5.4.3). Null when it is not authentic; the true one may still come,
    /// so the state is copied first.
    /// </summary>
    public SessionKeys? ReadResponse(ReadOnlySpan<byte> message)
    {
        Span<byte> secret = stackalloc byte[32];
        using var state = _state.Copy();
        var ephemeral = message.Slice(12, 32);
        state.MixEphemeral(ephemeral);
        try
        {
            if (!Sodium.TryScalarMultiply(_ephemeral, ephemeral, secret))
            {
                return null;
            }

            state.MixSecret(secret);
            if (!_own.TryAgree(ephemeral, secret))
            {
                return null;
            }

            state.MixSecret(secret);
            state.MixPresharedKey(_peer.PresharedKey);
            return state.TryOpen(message.Slice(44, Sodium.TagSize), [])
                ? new SessionKeys(state, isInitiator: true, BinaryPrimitives.ReadUInt32LittleEndian(message[4..]))
                : null;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
        }
    }

    public void Dispose()
    {
        _state.Dispose();
        CryptographicOperations.ZeroMemory(_ephemeral);
    }
}
