using System.Collections.Immutable;
using NetBird.ControlPlane.Groups;
using NetBird.ControlPlane.Identity.Tokens;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Users;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Identity;

/// <summary>Finds or makes the person that a token is about, and takes over what the token says of them now.</summary>
internal static class PersonDirectory
{
    /// <summary>
    /// The person, up to date; null when they are not to be served (disabled, or unknown to the embedded IdP).
    /// Runs inside a change, so that whatever is bound to the person happens with it or not at all.
    /// </summary>
    public static User? SignIn(ConfigurationDraft draft, VerifiedIdentity identity, DateTimeOffset now)
    {
        var user = Find(draft, identity);
        if (user is null && identity.Issuer == User.EmbeddedIssuer)
        {
            // The embedded IdP's people are made by administrators; a token of somebody deleted makes nobody.
            return null;
        }

        if (user is { Status: not UserStatus.Active })
        {
            return null;
        }

        user ??= new User { Id = UserId.New(), Issuer = identity.Issuer, Subject = identity.Subject, CreatedAt = now, ModifiedAt = now };
        user = user with { LastLogin = now };
        if (identity.Issuer != User.EmbeddedIssuer)
        {
            user = user with
            {
                Issuer = identity.Issuer,
                Subject = identity.Subject,

                // SCIM's word on names is the fresher one where it has the person.
                Name = user.IsScim || identity.Name.Length == 0 ? user.Name : identity.Name,
                Email = user.IsScim || identity.Email.Length == 0 ? user.Email : identity.Email,
                IdpGroups = identity.Groups is { } names ? GroupsNamed(draft, names, now) : user.IdpGroups,
            };
        }

        draft.Users.Put(user, audited: IsNews(draft, user));
        return user;
    }

    /// <summary>
    /// By issuer and subject. Somebody whom SCIM made first is tied to their subject at their first login: by the id
    /// that the IdP gave SCIM, else by the name it gave, once and only while no subject is known.
    /// </summary>
    private static User? Find(ConfigurationDraft draft, VerifiedIdentity identity)
        => draft.FindUser(identity.Issuer, identity.Subject)
            ?? (identity.Issuer == User.EmbeddedIssuer ? null : Unbound(draft, user => user.ExternalId == identity.Subject)
                ?? (identity.Email.Length == 0
                    ? null
                    : Unbound(draft, user => string.Equals(user.Email, identity.Email, StringComparison.OrdinalIgnoreCase))));

    private static User? Unbound(ConfigurationDraft draft, Func<User, bool> matches)
        => draft.Users.All.Where(user => user.IsScim && user.Subject.Length == 0 && matches(user)).Take(2).ToList() is [var only]
            ? only
            : null;

    private static ImmutableSortedSet<GroupId> GroupsNamed(ConfigurationDraft draft, ImmutableArray<string> names, DateTimeOffset now)
    {
        var ids = ImmutableSortedSet.CreateBuilder<GroupId>();
        foreach (var name in names)
        {
            var group = draft.Groups.All.FirstOrDefault(group => string.Equals(group.Name, name, StringComparison.OrdinalIgnoreCase));
            if (group is null)
            {
                group = new Group { Id = GroupId.New(), Name = name, Source = GroupSource.Idp, CreatedAt = now, ModifiedAt = now };
                draft.Groups.Put(group);
            }

            // A group that belongs to somebody else keeps its members: a claim of the same name adds nobody.
            if (group.Source == GroupSource.Idp)
            {
                ids.Add(group.Id);
            }
        }

        return ids.ToImmutable();
    }

    // A login alone is a sign of life; a new person, name or group is a change that the audit log shows.
    private static bool IsNews(ConfigurationDraft draft, User user)
        => !draft.Basis.Users.TryGetValue(user.Id, out var before)
            || before.Name != user.Name || before.Email != user.Email || before.Subject != user.Subject
            || !before.IdpGroups.SetEquals(user.IdpGroups);
}
