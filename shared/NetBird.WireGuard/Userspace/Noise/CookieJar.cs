using System.Security.Cryptography;
using NetBird.Primitives;

namespace NetBird.WireGuard.Userspace.Noise;

/// <summary>
/// Writes the macs of the handshake messages we send to one peer and keeps the cookie it gave us. Guarded by the peer's lock.
/// </summary>
internal sealed class CookieJar(EngineClock clock, PeerIdentity peer)
{
    private readonly byte[] _lastMac1 = new byte[WireFormat.MacSize];
    private readonly byte[] _cookie = new byte[WireFormat.MacSize];
    private bool _hasLastMac1;
    private bool _hasCookie;
    private long _cookieMs;

    /// <summary>Fills in mac1, and mac2 while we hold a fresh cookie; zeros otherwise.</summary>
    public void WriteMacs(Span<byte> message)
    {
        var mac1At = message.Length - (2 * WireFormat.MacSize);
        var mac1 = message.Slice(mac1At, WireFormat.MacSize);
        var mac2 = message[(mac1At + WireFormat.MacSize)..];
        Blake2s.Mac(peer.Mac1Key, message[..mac1At], mac1);
        mac1.CopyTo(_lastMac1);
        _hasLastMac1 = true;
        if (_hasCookie && clock.NowMs - _cookieMs < Limits.CookieLifetimeMs)
        {
            Blake2s.Mac(_cookie, message[..(mac1At + WireFormat.MacSize)], mac2);
        }
        else
        {
            mac2.Clear();
        }
    }

    /// <summary>Takes a cookie reply; false when it does not answer the last message we sent.</summary>
    public bool TryTake(ReadOnlySpan<byte> reply)
    {
        Span<byte> cookie = stackalloc byte[WireFormat.MacSize];
        Span<byte> key = stackalloc byte[PublicKey.Size];
        peer.PublicKey.CopyTo(key);
        if (!_hasLastMac1 || !Sodium.TryOpenExtended(
            StaticIdentity.CookieKeyOf(key), reply.Slice(8, Sodium.ExtendedNonceSize), reply[32..], _lastMac1, cookie))
        {
            return false;
        }

        cookie.CopyTo(_cookie);
        _cookieMs = clock.NowMs;
        _hasCookie = true;
        return true;
    }

    public void Clear()
    {
        CryptographicOperations.ZeroMemory(_cookie);
        _hasCookie = false;
        _hasLastMac1 = false;
    }
}
