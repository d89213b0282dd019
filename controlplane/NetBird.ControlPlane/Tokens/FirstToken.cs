using System.Text;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Store.LiteDb;
using NetBird.ControlPlane.Users;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Tokens;

/// <summary>
/// The token of the first start, in <c>STATE/admin-token</c>, mode 0600 and in clear: it is for the operator and for
/// scripts on this machine, who read the key that seals the rest as well. Without the file a new one is made at the next
/// start, the way back in for an administrator who lost every token.
/// </summary>
internal static class FirstToken
{
    public const string FileName = "admin-token";

    /// <summary>The service user that token belongs to.</summary>
    public static readonly UserId Administrator = new("administrator");

    /// <summary>Writes the file where it is missing.</summary>
    public static async Task EnsureAsync(
        IConfigurationStore store, string stateDirectory, TimeProvider time, CancellationToken cancellationToken)
    {
        var path = Path.Combine(stateDirectory, FileName);
        if (File.Exists(path))
        {
            return;
        }

        var secret = SecretHash.NewSecret(SecretHash.AccessTokenPrefix);
        await store.CommitAsync(Actor.System, draft => Put(draft, secret, time.GetUtcNow()), cancellationToken);
        var temporary = path + ".new";
        File.Delete(temporary);
        await using (var file = LiteDbFile.CreatePrivate(temporary))
        {
            await file.WriteAsync(Encoding.ASCII.GetBytes(secret + "\n"), cancellationToken);
            file.Flush(flushToDisk: true);
        }

        File.Move(temporary, path, overwrite: true);
    }

    private static bool Put(ConfigurationDraft draft, string secret, DateTimeOffset now)
    {
        if (!draft.Users.TryGet(Administrator, out var user))
        {
            user = new()
            {
                Id = Administrator, Name = "Administrator", IsServiceUser = true, CreatedAt = now, ModifiedAt = now,
            };
        }

        draft.Users.Put(user with { Role = Role.Owner, Status = UserStatus.Active });
        draft.AccessTokens.Put(new()
        {
            Id = AccessTokenId.New(),
            Name = "first start",
            User = Administrator,
            Hash = SecretHash.Of(secret),
            CreatedAt = now,
        });
        return true;
    }
}
