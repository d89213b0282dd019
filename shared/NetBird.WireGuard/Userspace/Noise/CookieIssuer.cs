using System.Buffers.Binary;
using System.Security.Cryptography;
using NetBird.WireGuard.Userspace.Sockets;

namespace NetBird.WireGuard.Userspace.Noise;

/// <summary>
/// Checks the macs of messages sent to us and, under load, hands out cookies that prove a source address
/// (WireGuard paper, sections 5.3 and 5.4.7). Safe for use from several threads.
/// </summary>
internal sealed class CookieIssuer(StaticIdentity own, EngineClock clock) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly byte[] _secret = GC.AllocateUninitializedArray<byte>(32, pinned: true);
    private long _secretMadeMs = long.MinValue / 2;

    /// <summary>True when mac1 was made by someone who knows our public key.</summary>
    public bool HasValidMac1(ReadOnlySpan<byte> message)
    {
        Span<byte> mac = stackalloc byte[WireFormat.MacSize];
        var covered = message.Length - (2 * WireFormat.MacSize);
        own.WriteMac1(message[..covered], mac);
        return CryptographicOperations.FixedTimeEquals(mac, message.Slice(covered, WireFormat.MacSize));
    }

    /// <summary>True when the message claims a cookie of ours.</summary>
    public static bool HasMac2(ReadOnlySpan<byte> message) => message[^WireFormat.MacSize..].ContainsAnyExcept((byte)0);

    /// <summary>True when mac2 was made with a cookie that we gave to this source not long ago.</summary>
    public bool HasValidMac2(ReadOnlySpan<byte> message, in DatagramSource source)
    {
        Span<byte> cookie = stackalloc byte[WireFormat.MacSize];
        Span<byte> mac = stackalloc byte[WireFormat.MacSize];
        lock (_gate)
        {
            if (clock.NowMs - _secretMadeMs >= Limits.CookieLifetimeMs)
            {
                return false;
            }

            WriteCookieLocked(in source, cookie);
        }

        var covered = message.Length - WireFormat.MacSize;
        Blake2s.Mac(cookie, message[..covered], mac);
        return CryptographicOperations.FixedTimeEquals(mac, message[covered..]);
    }

    /// <summary>Writes the reply that carries this source's cookie, sealed for the sender of <paramref name="message"/>.</summary>
    public void WriteReply(ReadOnlySpan<byte> message, in DatagramSource source, Span<byte> reply)
    {
        Span<byte> cookie = stackalloc byte[WireFormat.MacSize];
        lock (_gate)
        {
            var now = clock.NowMs;
            if (now - _secretMadeMs >= Limits.CookieLifetimeMs)
            {
                RandomNumberGenerator.Fill(_secret);
                _secretMadeMs = now;
            }

            WriteCookieLocked(in source, cookie);
        }

        BinaryPrimitives.WriteUInt32LittleEndian(reply, WireFormat.CookieReply);
        message.Slice(4, 4).CopyTo(reply[4..]);
        var nonce = reply.Slice(8, Sodium.ExtendedNonceSize);
        RandomNumberGenerator.Fill(nonce);
        var mac1 = message.Slice(message.Length - (2 * WireFormat.MacSize), WireFormat.MacSize);
        Sodium.SealExtended(own.CookieKey, nonce, cookie, mac1, reply[32..WireFormat.CookieReplySize]);
    }

    public void Dispose() => CryptographicOperations.ZeroMemory(_secret);

    private void WriteCookieLocked(in DatagramSource source, Span<byte> cookie)
    {
        Span<byte> address = stackalloc byte[18];
        BinaryPrimitives.WriteUInt128BigEndian(address, source.Address);
        BinaryPrimitives.WriteUInt16BigEndian(address[16..], source.Port);
        Blake2s.Mac(_secret, address, cookie);
    }
}
