using System.Buffers.Binary;
using System.Security.Cryptography;
using Microsoft.IdentityModel.Tokens;
using NetBird.ControlPlane.Store;

namespace NetBird.ControlPlane.AgentApi;

/// <summary>
/// Nonces that keys are proved over: good for 60 s and for one proof, at whichever node. One that was given out costs no
/// memory, it carries its own time and our seal; only one that a proof was made over is remembered until it expires, so
/// asking for many takes nothing from us.
/// </summary>
internal sealed class Challenges(byte[] key, IUsedChallenges used, TimeProvider time)
{
    private const string SecretName = "keys/challenge.key";
    private const int KeySize = 32;
    private const int TimeSize = 8;
    private const int RandomSize = 16;
    private const int Size = TimeSize + RandomSize + HMACSHA256.HashSizeInBytes;

    // agent.proto, GetChallenge.
    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(60);

    /// <summary>Nodes that share a database share the seal, and what was used. One process alone forgets both when it ends.</summary>
    public static Challenges Of(AccountState account, TimeProvider time)
        => account.Database is { } shared
            ? new(account.Secrets.GetOrAdd(SecretName, () => RandomNumberGenerator.GetBytes(KeySize)), new SharedUsedChallenges(shared, time), time)
            : new(RandomNumberGenerator.GetBytes(KeySize), new OwnUsedChallenges(time), time);

    public string Issue()
    {
        Span<byte> nonce = stackalloc byte[Size];
        BinaryPrimitives.WriteInt64BigEndian(nonce, time.GetUtcNow().ToUnixTimeMilliseconds());
        RandomNumberGenerator.Fill(nonce.Slice(TimeSize, RandomSize));
        HMACSHA256.HashData(key, nonce[..(TimeSize + RandomSize)], nonce[(TimeSize + RandomSize)..]);
        return Base64UrlEncoder.Encode(nonce.ToArray());
    }

    /// <summary>Whether a node of ours gave the nonce out, lately. Cheap: asked before the proof over it is looked at.</summary>
    public bool IsOurs(string nonce) => MadeAt(nonce) is not null;

    /// <summary>True for the first that uses a nonce of ours. Asked after the proof over it was found right.</summary>
    /// <exception cref="IOException">What was used cannot be remembered; the proof is refused.</exception>
    public async ValueTask<bool> TryUseAsync(string nonce, CancellationToken cancellationToken)
        => MadeAt(nonce) is { } made && await used.TryAddAsync(nonce, made + Lifetime, cancellationToken);

    private DateTimeOffset? MadeAt(string nonce)
    {
        Span<byte> seal = stackalloc byte[HMACSHA256.HashSizeInBytes];
        if (nonce.Length > 2 * Size || Decode(nonce) is not { Length: Size } bytes)
        {
            return null;
        }

        HMACSHA256.HashData(key, bytes.AsSpan(0, TimeSize + RandomSize), seal);

        // Encoded again: base64url has several texts for the same bytes, and each would be a fresh nonce.
        if (!CryptographicOperations.FixedTimeEquals(seal, bytes.AsSpan(TimeSize + RandomSize)) || Base64UrlEncoder.Encode(bytes) != nonce)
        {
            return null;
        }

        // Clocks of nodes differ a little; ours may be behind the one that gave it out.
        var made = DateTimeOffset.FromUnixTimeMilliseconds(BinaryPrimitives.ReadInt64BigEndian(bytes));
        return (time.GetUtcNow() - made).Duration() < Lifetime ? made : null;
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
}
