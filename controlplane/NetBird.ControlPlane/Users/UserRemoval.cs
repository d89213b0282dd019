using NetBird.ControlPlane.Store;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Users;

/// <summary>Takes a person out: with their machines and tokens, so that nothing of theirs still opens anything.</summary>
internal static class UserRemoval
{
    /// <summary>Whether nobody else who is active is an owner.</summary>
    public static bool IsLastOwner(ConfigurationDraft draft, UserId user)
        => !draft.Users.All.Any(other => other.Id != user && other is { Role: Role.Owner, Status: UserStatus.Active });

    /// <summary>Why the person cannot go, as a sentence; null when they can.</summary>
    public static string? Objection(ConfigurationDraft draft, User user)
    {
        if (user.Role == Role.Owner && IsLastOwner(draft, user.Id))
        {
            return "This is the last active owner; make another one first.";
        }

        if (draft.SetupKeys.All.FirstOrDefault(key => key.ServiceUser == user.Id && !key.Revoked) is { } key)
        {
            return $"The setup key '{key.Name}' works for this user. Revoke it first.";
        }

        // Without its last target a rule would hold for everyone: not what deleting a person should mean.
        return draft.BudgetRules.All.FirstOrDefault(rule => rule.TargetUsers.Contains(user.Id)) is { } rule
            ? $"The budget rule '{rule.Name}' names this person. Take them out there first."
            : null;
    }

    public static void Remove(ConfigurationDraft draft, UserId user)
    {
        draft.Users.Remove(user);
        foreach (var peer in draft.Peers.All.Where(peer => peer.User == user).ToList())
        {
            draft.Peers.Remove(peer.Id);
        }

        foreach (var token in draft.AccessTokens.All.Where(token => token.User == user).ToList())
        {
            draft.AccessTokens.Remove(token.Id);
        }

        foreach (var key in draft.SetupKeys.All.Where(key => key.ServiceUser == user).ToList())
        {
            draft.SetupKeys.Remove(key.Id);
        }
    }
}
