using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Users;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Identity.Embedded;

/// <summary>
/// Checks name and password of the embedded IdP's people. Wrong name, wrong password and disabled person give one
/// answer in one time, so nobody learns which names exist; repeated failures lock the name for a while.
/// </summary>
internal sealed partial class EmbeddedLogin(IConfigurationStore store, TimeProvider time, ILogger<EmbeddedLogin> logger)
{
    // Ours: five typing errors are human; after that each further failure doubles the wait.
    private const int FreeAttempts = 5;
    private static readonly TimeSpan FirstLock = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LongestLock = TimeSpan.FromMinutes(15);

    // Compared when there is no such person, so that the answer takes as long.
    private static readonly string NobodysHash = PasswordHashing.Hash(Guid.NewGuid().ToString());

    /// <summary>Checks the first factor, counting failures.</summary>
    public async Task<LoginOutcome> CheckPasswordAsync(
        string username, string password, string address, CancellationToken cancellationToken)
    {
        var user = store.Current.FindEmbeddedUser(username.Trim());
        var now = time.GetUtcNow();
        if (user?.Credential?.LockedUntil is { } end && now < end)
        {
            PasswordHashing.Verify(NobodysHash, password);
            return new LoginOutcome.Locked(end - now);
        }

        var right = PasswordHashing.Verify(user?.Credential?.PasswordHash is { Length: > 0 } hash ? hash : NobodysHash, password);
        if (user is { Credential: not null } && right && user.Status == UserStatus.Active)
        {
            return user.Credential.MustChange ? new LoginOutcome.MustChange(user)
                : user.Credential.SealedTotpSecret is not null ? new LoginOutcome.NeedsCode(user)
                : new LoginOutcome.Passed(user);
        }

        if (user is not null && !right)
        {
            await CountFailureAsync(user.Id, address, cancellationToken);
        }

        Log.LoginRefused(logger, address);
        return new LoginOutcome.Refused();
    }

    /// <summary>Writes down a login that went all the way.</summary>
    public Task<User?> CompleteAsync(UserId id, string address, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        return store.CommitAsync(
            store.Current.Users.TryGetValue(id, out var known) ? Actor.Of(known, address: address) : Actor.System,
            draft =>
            {
                if (draft.Users.Find(id) is not { Credential: { } credential, Status: UserStatus.Active } user)
                {
                    return null;
                }

                user = user with { LastLogin = now, Credential = credential with { FailedAttempts = 0, LockedUntil = null } };
                draft.Users.Put(user, audited: false);
                draft.Note(new(AuditActions.UserLogin, "user", id.Value, user.DisplayName(), "at the embedded IdP"));
                return user;
            },
            cancellationToken);
    }

    /// <summary>Sets a new password in place of one that had to be changed.</summary>
    public Task<bool> ChangePasswordAsync(UserId id, string password, string address, CancellationToken cancellationToken)
    {
        var hash = PasswordHashing.Hash(password);
        return store.CommitAsync(
            store.Current.Users.TryGetValue(id, out var known) ? Actor.Of(known, address: address) : Actor.System,
            draft =>
            {
                if (draft.Users.Find(id) is not { Credential: { } credential, Status: UserStatus.Active } user)
                {
                    return false;
                }

                draft.Users.Put(user with { Credential = credential with { PasswordHash = hash, MustChange = false } });
                return true;
            },
            cancellationToken);
    }

    /// <summary>Counts one failed attempt, at the password or at the code.</summary>
    public Task<bool> CountFailureAsync(UserId id, string address, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        return store.CommitAsync(
            Actor.Unknown("", address),
            draft =>
            {
                if (draft.Users.Find(id) is not { Credential: { } credential } user)
                {
                    return false;
                }

                var failed = credential.FailedAttempts + 1;
                draft.Users.Put(
                    user with { Credential = credential with { FailedAttempts = failed, LockedUntil = LockAfter(failed, now) } },
                    audited: false);
                draft.Note(new(AuditActions.UserLoginRefused, "user", id.Value, user.DisplayName(), $"attempt {failed}"));
                return true;
            },
            cancellationToken);
    }

    private static DateTimeOffset? LockAfter(int failed, DateTimeOffset now)
    {
        if (failed < FreeAttempts)
        {
            return null;
        }

        var doublings = Math.Min(failed - FreeAttempts, 10);
        var wait = FirstLock * (1 << doublings);
        return now + (wait < LongestLock ? wait : LongestLock);
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Identity + 1, LogLevel.Information, "A login at the embedded IdP was refused, from {Address}")]
        public static partial void LoginRefused(ILogger logger, string address);
    }
}
