using System.Collections.Immutable;
using System.Security.Cryptography;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Providers;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Users;
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

    /// <summary>Switches it on for whoever shows that their app has the secret; the recovery codes, or null for a wrong code.</summary>
    /// <param name="id">The person.</param>
    /// <param name="secret">What the app was given.</param>
    /// <param name="code">What it shows.</param>
    /// <param name="address">Where from; for the audit log.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<ImmutableArray<string>?> EnrolAsync(UserId id, byte[] secret, string code, string address, CancellationToken cancellationToken)
    {
        var text = Convert.ToBase64String(secret);
        if (FindStep(text, code.Replace(" ", "", StringComparison.Ordinal), lastUsed: 0) is not { } step)
        {
            return null;
        }

        var (sealedSecret, codes) = (seal.SealTotpSecret(text), RecoveryCodes.New());
        await ChangeAsync(
            id, address, "authenticator app set up",
            credential => credential with { SealedTotpSecret = sealedSecret, LastTotpStep = step, RecoveryCodes = Hashes(codes) }, cancellationToken);
        return codes;
    }

    /// <summary>New recovery codes in place of those left.</summary>
    public async Task<ImmutableArray<string>> RenewCodesAsync(UserId id, string address, CancellationToken cancellationToken)
    {
        var codes = RecoveryCodes.New();
        await ChangeAsync(id, address, "recovery codes made", credential => credential with { RecoveryCodes = Hashes(codes) }, cancellationToken);
        return codes;
    }

    /// <summary>Takes the second factor away.</summary>
    public Task RemoveAsync(UserId id, string address, CancellationToken cancellationToken)
        => ChangeAsync(id, address, "authenticator app taken off", credential => credential.WithoutSecondFactor(), cancellationToken);

    /// <summary>True once for the right code, the app's (RFC 6238 section 5.2) or a recovery code: one that was used works no second time.</summary>
    public async Task<bool> TryUseAsync(UserId id, string code, CancellationToken cancellationToken)
    {
        if (IsLocked(id) || !store.Current.Users.TryGetValue(id, out var known) || known.Credential is not { SealedTotpSecret: { } sealedSecret } credential)
        {
            return false;
        }

        if (RecoveryCodes.HashOf(code) is { } recovery)
        {
            return await ChangeAsync(
                id, "", "recovery code used",
                now => now.RecoveryCodes.Contains(recovery) ? now with { RecoveryCodes = now.RecoveryCodes.Remove(recovery) } : null, cancellationToken);
        }

        // Where the key ring is another one nothing opens: closed, as a missing second factor would be worse.
        return seal.UnsealTotpSecret(sealedSecret) is { } secret
            && FindStep(secret, code.Replace(" ", "", StringComparison.Ordinal), credential.LastTotpStep) is { } step
            && await store.CommitAsync(
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

    private static ImmutableArray<string> Hashes(ImmutableArray<string> codes) => [.. codes.Select(code => RecoveryCodes.HashOf(code)!)]; // ours have the form

    /// <summary>Changes a person's credential and says so in the audit log; false, and nothing is changed, for null.</summary>
    private Task<bool> ChangeAsync(
        UserId id, string address, string what, Func<LocalCredential, LocalCredential?> change, CancellationToken cancellationToken)
        => store.CommitAsync(
            store.Current.Users.TryGetValue(id, out var known) ? Actor.Of(known, address: address) : Actor.System,
            draft =>
            {
                if (draft.Users.Find(id) is not { Credential: { } credential, Status: UserStatus.Active } user || change(credential) is not { } changed)
                {
                    return false;
                }

                draft.Users.Put(user with { Credential = changed }, audited: false);
                draft.Note(new(AuditActions.SecondFactor, "user", id.Value, user.DisplayName(), what));
                return true;
            },
            cancellationToken);

    private long? FindStep(string secretText, string code, long lastUsed)
    {
        if (code.Length != Digits)
        {
            return null;
        }

        var secret = Convert.FromBase64String(secretText);
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
