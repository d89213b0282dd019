using NetBird.ControlPlane.Groups;
using NetBird.ControlPlane.Store;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Users;

/// <summary>
/// Only an owner makes an owner, or has a hand in what one logs in with. Asked of the finished change, so that it holds
/// on every way that leads there: a role, a group that grants one, a password, a token, a document, SCIM.
/// </summary>
internal static class OwnerGuard
{
    /// <summary>Somebody whom the change makes an owner.</summary>
    public static bool MakesOwner(ConfigurationDraft draft)
    {
        var concerned = Concerned(draft).ToList();
        if (concerned.Count == 0)
        {
            return false;
        }

        var now = draft.ToConfiguration(0);
        return concerned.Exists(id => IsOwner(now, id) && !IsOwner(draft.Basis, id));
    }

    /// <summary>The same, and whether an owner would lose the role, the login, its protection, or a token, or get a token of somebody else's making.</summary>
    /// <param name="draft">The change, made by somebody who is no owner.</param>
    public static bool Touches(ConfigurationDraft draft)
    {
        var concerned = Concerned(draft).ToList();
        if (concerned.Count > 0)
        {
            var now = draft.ToConfiguration(0);
            foreach (var id in concerned)
            {
                var (was, isOne) = (IsOwner(draft.Basis, id), IsOwner(now, id));
                if (was != isOne || (was && LoginOf(draft.Basis.Users[id]) != LoginOf(now.Users[id])))
                {
                    return true;
                }
            }
        }

        return draft.AccessTokens.Touched.Any(id =>
            (draft.AccessTokens.Find(id) ?? draft.AccessTokens.Before.GetValueOrDefault(id)) is { } token && IsOwner(draft.Basis, token.User));
    }

    // A group that grants the role makes owners of people whose records stay as they are.
    private static IEnumerable<UserId> Concerned(ConfigurationDraft draft)
        => draft.Groups.Touched.Any(id => Grants(draft.Groups.Find(id)) || Grants(draft.Groups.Before.GetValueOrDefault(id)))
            ? draft.Users.All.Select(user => user.Id).Union(draft.Users.Touched)
            : draft.Users.Touched;

    private static bool Grants(Group? group) => group?.GrantsRole == Role.Owner;

    private static bool IsOwner(Configuration configuration, UserId id)
        => configuration.Users.TryGetValue(id, out var user) && configuration.RoleOf(user) == Role.Owner;

    private static (string, string, string, UserStatus, LocalCredential?) LoginOf(User user)
        => (user.Email, user.Issuer, user.Subject, user.Status, user.Credential);
}
