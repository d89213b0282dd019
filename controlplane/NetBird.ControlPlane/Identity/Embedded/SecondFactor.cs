using System.Security.Cryptography;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Providers;
using NetBird.ControlPlane.Store;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Identity.Embedded;

/// <summary>Time-based one-time codes (RFC 6238): six digits, 30 s, HMAC-SHA-1, as every authenticator app has them.</summary>
internal sealed class SecondFactor(IConfigurationStore store, SecretSeal seal, TimeProvider time)
{
    private const int StepSeconds = 30;
    private const int Digits = 6;

    // RFC 6238 section 5.2 recommends one step back for delay; one ahead as well, for a telephone that is fast.
    private const int Tolerance = 1;

    public bool IsRequired(UserId id)
        => store.Current.Users.TryGetValue(id, out var user) && user.Credential?.SealedTotpSecret is not null;

    public bool IsLocked(UserId id)
        => store.Current.Users.TryGetValue(id, out var user) && user.Credential?.LockedUntil > time.GetUtcNow();

    /// <summary>Seals a secret for <see cref="Users.LocalCredential.SealedTotpSecret"/>.</summary>
    public string Seal(ReadOnlySpan<byte> secret) => seal.SealTotpSecret(Convert.ToBase64String(secret));

    /// <summary>True once for the right code: a code that was used works no second time (RFC 6238 section 5.2).</summary>
    public async Task<bool> TryUseAsync(UserId id, string code, CancellationToken cancellationToken)
    {
        if (IsLocked(id)
            || !store.Current.Users.TryGetValue(id, out var known)
            || known.Credential is not { SealedTotpSecret: { } sealedSecret } credential
            || FindStep(sealedSecret, code.Replace(" ", "", StringComparison.Ordinal), credential.LastTotpStep) is not { } step)
        {
            return false;
        }

        return await store.CommitAsync(
            Actor.System,
            draft =>
            {
                if (draft.Users.Find(id) is not { Credential: { } now } user || now.LastTotpStep >= step)
                {
                    return false;
                }

                draft.Users.Put(user with { Credential = now with { LastTotpStep = step } }, audited: false);
                return true;
            },
            cancellationToken);
    }

    /// <summary>The code of a step; RFC 4226 section 5.3.</summary>
    internal static string CodeAt(ReadOnlySpan<byte> secret, long step)
    {
        Span<byte> counter = stackalloc byte[8];
        System.Buffers.Binary.BinaryPrimitives.WriteInt64BigEndian(counter, step);
        Span<byte> mac = stackalloc byte[HMACSHA1.HashSizeInBytes];
#pragma warning disable CA5350 // HMAC-SHA-1 is what RFC 6238 apps speak; its weakness is collisions, which do not matter here.
        HMACSHA1.HashData(secret, counter, mac);
#pragma warning restore CA5350
        var offset = mac[^1] & 0xF;
        var number = System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(mac[offset..]) & 0x7FFFFFFF;
        return (number % 1_000_000).ToString("D6", System.Globalization.CultureInfo.InvariantCulture);
    }

    private long? FindStep(string sealedSecret, string code, long lastUsed)
    {
        if (code.Length != Digits)
        {
            return null;
        }

        if (seal.UnsealTotpSecret(sealedSecret) is not { } text)
        {
            // The key ring is another one: closed, as a missing second factor would be worse.
            return null;
        }

        var secret = Convert.FromBase64String(text);
        var current = time.GetUtcNow().ToUnixTimeSeconds() / StepSeconds;
        for (var step = current - Tolerance; step <= current + Tolerance; step++)
        {
            if (step > lastUsed
                && CryptographicOperations.FixedTimeEquals(
                    System.Text.Encoding.UTF8.GetBytes(CodeAt(secret, step)), System.Text.Encoding.UTF8.GetBytes(code)))
            {
                return step;
            }
        }

        return null;
    }
}
