using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using Microsoft.IdentityModel.Tokens;

namespace NetBird.ControlPlane.AgentApi;

/// <summary>
/// Nonces that keys are proved over: good for 60 s and for one proof. One that was given out costs no memory, it
/// carries its own time and our seal; only one that a proof was made over is remembered until it expires, so asking
/// for many takes nothing from us.
/// </summary>
internal sealed class Challenges(TimeProvider time)
{
    private const int TimeSize = 8;
    private const int RandomSize = 16;
    private const int Size = TimeSize + RandomSize + HMACSHA256.HashSizeInBytes;

    // agent.proto, GetChallenge.
    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(60);

    // A nonce lives a minute, so a restart may forget the key it was sealed with.
    private readonly byte[] _key = RandomNumberGenerator.GetBytes(32);
    private readonly ConcurrentDictionary<string, long> _used = new(StringComparer.Ordinal);
    private long _sweptAt;

    public string Issue()
    {
        Span<byte> nonce = stackalloc byte[Size];
        BinaryPrimitives.WriteInt64BigEndian(nonce, time.GetUtcNow().ToUnixTimeMilliseconds());
        RandomNumberGenerator.Fill(nonce.Slice(TimeSize, RandomSize));
        HMACSHA256.HashData(_key, nonce[..(TimeSize + RandomSize)], nonce[(TimeSize + RandomSize)..]);
        return Base64UrlEncoder.Encode(nonce.ToArray());
    }

    /// <summary>Whether we gave the nonce out, lately, and nobody used it.</summary>
    public bool IsOpen(string nonce) => MadeAt(nonce) is not null && !_used.ContainsKey(nonce);

    /// <summary>True for the first that uses an open nonce. Asked after the proof over it was found right.</summary>
    public bool TryUse(string nonce)
    {
        Sweep();
        return MadeAt(nonce) is { } made && _used.TryAdd(nonce, made);
    }

    private long? MadeAt(string nonce)
    {
        Span<byte> seal = stackalloc byte[HMACSHA256.HashSizeInBytes];
        if (nonce.Length > 2 * Size || Decode(nonce) is not { Length: Size } bytes)
        {
            return null;
        }

        HMACSHA256.HashData(_key, bytes.AsSpan(0, TimeSize + RandomSize), seal);
        var made = BinaryPrimitives.ReadInt64BigEndian(bytes);
        var age = time.GetUtcNow().ToUnixTimeMilliseconds() - made;

        // Encoded again: base64url has several texts for the same bytes, and each would be a fresh nonce.
        return CryptographicOperations.FixedTimeEquals(seal, bytes.AsSpan(TimeSize + RandomSize))
            && Base64UrlEncoder.Encode(bytes) == nonce
            && age >= 0 && age < Lifetime.TotalMilliseconds
            ? made
            : null;
    }

    private static byte[]? Decode(string nonce)
    {
        try
        {
            return Base64UrlEncoder.DecodeBytes(nonce);
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private void Sweep()
    {
        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        var swept = Interlocked.Read(ref _sweptAt);
        if (now - swept < Lifetime.TotalMilliseconds || Interlocked.CompareExchange(ref _sweptAt, now, swept) != swept)
        {
            return;
        }

        foreach (var (nonce, made) in _used)
        {
            if (now - made >= Lifetime.TotalMilliseconds)
            {
                _used.TryRemove(nonce, out _);
            }
        }
    }
}
