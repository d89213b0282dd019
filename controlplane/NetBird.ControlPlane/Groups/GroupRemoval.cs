using NetBird.ControlPlane.Store;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Groups;

/// <summary>Takes a group out of everything that holds it.</summary>
internal static class GroupRemoval
{
    /// <summary>Why the group cannot go, as a sentence; null when it can.</summary>
    public static string? Objection(ConfigurationDraft draft, Group group)
    {
        if (group.Id == Group.AllId)
        {
            return "The group All cannot be deleted.";
        }

        if (draft.Policies.All.FirstOrDefault(policy => policy.SourceGroups.Contains(group.Id)) is { } policy)
        {
            return $"The policy '{policy.Name}' names this group. Take it out there first.";
        }

        if (draft.BudgetRules.All.FirstOrDefault(rule => rule.TargetGroups.Contains(group.Id)) is { } rule)
        {
            // Without its last target a rule would hold for everyone: not what deleting a group should mean.
            return $"The budget rule '{rule.Name}' names this group. Take it out there first.";
        }

        return draft.SetupKeys.All.FirstOrDefault(key => !key.Revoked && key.AutoGroups.Contains(group.Id)) is { } key
            ? $"The setup key '{key.Name}' gives this group. Take it out there, or revoke the key, first."
            : null;
    }

    public static void Remove(ConfigurationDraft draft, GroupId group)
    {
        draft.Groups.Remove(group);
        foreach (var user in draft.Users.All.Where(user => user.OwnGroups().Contains(group)).ToList())
        {
            draft.Users.Put(user with
            {
                AutoGroups = user.AutoGroups.Remove(group),
                IdpGroups = user.IdpGroups.Remove(group),
                ScimGroups = user.ScimGroups.Remove(group),
            });
        }

        foreach (var peer in draft.Peers.All.Where(peer => peer.Groups.Contains(group)).ToList())
        {
            draft.Peers.Put(peer with { Groups = peer.Groups.Remove(group) });
        }

        foreach (var key in draft.SetupKeys.All.Where(key => key.AutoGroups.Contains(group)).ToList())
        {
            draft.SetupKeys.Put(key with { AutoGroups = key.AutoGroups.Remove(group) });
        }
    }
}
