using System.Buffers.Binary;
using System.Security.Cryptography;

namespace NetBird.WireGuard.Userspace.Noise;

/// <summary>
/// Our side of a handshake that the other end began, in the order it is called: <see cref="TryReadIdentity"/>,
/// <see cref="TryReadTimestamp"/> with the peer that this named, <see cref="WriteResponse"/>.
/// </summary>
internal sealed class ResponderHandshake : IDisposable
{
    private readonly StaticIdentity _own;
    private readonly SymmetricState _state;
    private readonly byte[] _remoteEphemeral = new byte[32];
    private uint _remoteIndex;

    public ResponderHandshake(StaticIdentity own)
    {
        _own = own;
        _state = new SymmetricState(own.InitialHash);
    }

    /// <summary>Opens the static key of the initiation (WireGuard paper, section 5.4.2); false when it is forged.</summary>
    public bool TryReadIdentity(ReadOnlySpan<byte> message, out Primitives.PublicKey initiator)
    {
        Span<byte> secret = stackalloc byte[32];
        Span<byte> point = stackalloc byte[32];
        initiator = default;
        _remoteIndex = BinaryPrimitives.ReadUInt32LittleEndian(message[4..]);
        message.Slice(8, 32).CopyTo(_remoteEphemeral);
        _state.MixEphemeral(_remoteEphemeral);
        if (!_own.TryAgree(_remoteEphemeral, secret))
        {
            return false;
        }

        _state.MixKey(secret);
        CryptographicOperations.ZeroMemory(secret);
        if (!_state.TryOpen(message.Slice(40, 48), point))
        {
            return false;
        }

        initiator = new Primitives.PublicKey(point);
        return true;
    }

    /// <summary>Opens the timestamp, which proves that the initiator holds the key it named.</summary>
    public bool TryReadTimestamp(ReadOnlySpan<byte> message, PeerIdentity peer, Span<byte> timestamp)
    {
        if (peer.IsLowOrder)
        {
            return false;
        }

        _state.MixKey(peer.StaticSecret);
        return _state.TryOpen(message.Slice(88, 28), timestamp[..Tai64n.Size]);
    }

    /// <summary>Writes the response up to its macs (section 5.4.3) and gives the session's keys; null for low-order points.</summary>
    public SessionKeys? WriteResponse(Span<byte> message, PeerIdentity peer, uint localIndex)
    {
        Span<byte> ephemeral = stackalloc byte[32];
        Span<byte> secret = stackalloc byte[32];
        Span<byte> point = stackalloc byte[32];
        RandomNumberGenerator.Fill(ephemeral);
        try
        {
            BinaryPrimitives.WriteUInt32LittleEndian(message, WireFormat.Response);
            BinaryPrimitives.WriteUInt32LittleEndian(message[4..], localIndex);
            BinaryPrimitives.WriteUInt32LittleEndian(message[8..], _remoteIndex);
            var own = message.Slice(12, 32);
            Sodium.ScalarMultiplyBase(ephemeral, own);
            _state.MixEphemeral(own);
            if (!Sodium.TryScalarMultiply(ephemeral, _remoteEphemeral, secret))
            {
                return null;
            }

            _state.MixSecret(secret);
            peer.PublicKey.CopyTo(point);
            if (!Sodium.TryScalarMultiply(ephemeral, point, secret))
            {
                return null;
            }

            _state.MixSecret(secret);
            _state.MixPresharedKey(peer.PresharedKey);
            _state.Seal([], message.Slice(44, Sodium.TagSize));
            return new SessionKeys(_state, isInitiator: false, _remoteIndex);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(ephemeral);
            CryptographicOperations.ZeroMemory(secret);
        }
    }

    public void Dispose() => _state.Dispose();
}
