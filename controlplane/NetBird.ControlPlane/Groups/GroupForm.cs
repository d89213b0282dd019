using NetBird.ControlPlane.Forms;
using NetBird.ControlPlane.Users;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Groups;

/// <summary>Reads a group and, where they are sent, its members.</summary>
internal static class GroupForm
{
    private const long MinExpirySeconds = 60;
    private const long MaxExpirySeconds = 180 * 86400;

    /// <summary>Puts the group and its members into the draft.</summary>
    /// <param name="form">What was sent.</param>
    /// <param name="references">What it may name.</param>
    /// <param name="basis">Values of fields that were not sent; an empty name makes the name required.</param>
    /// <param name="mayGrantRoles">Only an owner may let a group grant a role.</param>
    public static Group Read(Form form, References references, Group basis, bool mayGrantRoles)
    {
        form.Ignore("id", "issued", "external_id", "peers_count", "users_count", "resources_count", "resources", "created_at", "updated_at");
        var group = basis with
        {
            Name = form.Name("name", basis.Name.Length == 0 ? null : basis.Name),
            LoginExpiry = form.Has("login_expiry_seconds")
                ? TimeSpan.FromSeconds(form.Whole("login_expiry_seconds", MinExpirySeconds, MinExpirySeconds, MaxExpirySeconds))
                : Known(form, "login_expiry_seconds", basis.LoginExpiry),
            GrantsRole = form.Has("grants_role")
                ? form.Choice("grants_role", Role.User, RoleNames.All)
                : Known(form, "grants_role", basis.GrantsRole),
        };
        if (group.GrantsRole != basis.GrantsRole && !mayGrantRoles)
        {
            form.Fail("grants_role", "Only an owner may change which role a group grants.");
        }

        if (group.Name != basis.Name && basis.Id == Group.AllId)
        {
            form.Fail("name", "The group All keeps its name.");
        }

        if (group.Name != basis.Name && basis.Source != GroupSource.Api)
        {
            form.Fail("name", "This group belongs to the identity provider; rename it there.");
        }

        if (references.Draft.Groups.All.Any(other => other.Id != group.Id && Names.Same(other.Name, group.Name)))
        {
            form.Fail("name", "Another group has this name.");
        }

        ReadMembers(form, references, group, mayGrantRoles || group.GrantsRole != Role.Owner);
        form.RefuseUnknown();
        references.Draft.Groups.Put(group);
        return group;
    }

    private static void ReadMembers(Form form, References references, Group group, bool maySetUsers)
    {
        var users = form.List("users", references.User, text => $"There is no person {references.By} '{text}'.");
        var peers = form.List("peers", references.Peer, text => $"There is no machine with the id '{text}'.");
        if ((users is not null || peers is not null) && group.Id == Group.AllId)
        {
            form.Fail(users is null ? "peers" : "users", "Everyone is in the group All; its members cannot be set.");
            return;
        }

        if (users is not null && !maySetUsers)
        {
            form.Fail("users", "Only an owner may put people into a group that grants the role owner.");
            return;
        }

        if (users is { } people)
        {
            SetUsers(references, group.Id, [.. people]);
        }

        if (peers is { } machines)
        {
            SetPeers(references, group.Id, [.. machines]);
        }
    }

    private static void SetUsers(References references, GroupId group, HashSet<UserId> members)
    {
        foreach (var user in references.Draft.Users.All.ToList())
        {
            if (members.Contains(user.Id) != user.AutoGroups.Contains(group))
            {
                references.Draft.Users.Put(user with
                {
                    AutoGroups = members.Contains(user.Id) ? user.AutoGroups.Add(group) : user.AutoGroups.Remove(group),
                });
            }
        }
    }

    private static void SetPeers(References references, GroupId group, HashSet<PeerId> members)
    {
        foreach (var peer in references.Draft.Peers.All.ToList())
        {
            if (members.Contains(peer.Id) != peer.Groups.Contains(group))
            {
                references.Draft.Peers.Put(peer with
                {
                    Groups = members.Contains(peer.Id) ? peer.Groups.Add(group) : peer.Groups.Remove(group),
                });
            }
        }
    }

    private static T Known<T>(Form form, string name, T value)
    {
        form.Ignore(name);
        return value;
    }
}
