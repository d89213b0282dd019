using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Users;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Groups;

/// <summary>A group as REST gives it.</summary>
internal sealed record GroupAnswer(
    GroupId Id,
    string Name,
    string Issued,
    string? ExternalId,
    long? LoginExpirySeconds,
    Role? GrantsRole,
    int PeersCount,
    int UsersCount,
    IEnumerable<PeerMember> Peers,
    IEnumerable<UserMember> Users,
    DateTimeOffset CreatedAt,
    DateTimeOffset UpdatedAt)
{
    /// <summary>Groups with their members, found in one pass over people and machines.</summary>
    public static List<GroupAnswer> Of(Configuration configuration, IReadOnlyCollection<Group> groups)
    {
        var users = groups.ToDictionary(group => group.Id, _ => new List<UserMember>());
        var peers = groups.ToDictionary(group => group.Id, _ => new List<PeerMember>());
        foreach (var user in configuration.Users.Values.OrderBy(user => user.DisplayName(), StringComparer.OrdinalIgnoreCase))
        {
            foreach (var id in user.OwnGroups().Add(Group.AllId))
            {
                users.GetValueOrDefault(id)?.Add(new(user.Id, user.Email, user.Name));
            }
        }

        foreach (var peer in configuration.Peers.Values.OrderBy(peer => peer.Name, StringComparer.OrdinalIgnoreCase))
        {
            foreach (var id in configuration.GroupsOf(peer))
            {
                peers.GetValueOrDefault(id)?.Add(new(peer.Id, peer.Name));
            }
        }

        return [.. groups.Select(group => new GroupAnswer(
            group.Id, group.Name, IssuedOf(group.Source), group.ExternalId, (long?)group.LoginExpiry?.TotalSeconds, group.GrantsRole,
            peers[group.Id].Count, users[group.Id].Count, peers[group.Id], users[group.Id], group.CreatedAt, group.ModifiedAt))];
    }

    public static GroupAnswer Of(Configuration configuration, Group group) => Of(configuration, [group])[0];

    // NetBird's names: groups of a token are "jwt", those an integration pushes "integration".
    private static string IssuedOf(GroupSource source) => source switch
    {
        GroupSource.Idp => "jwt",
        GroupSource.Scim => "integration",
        _ => "api",
    };
}

/// <summary>A machine in a group.</summary>
internal sealed record PeerMember(PeerId Id, string Name);

/// <summary>A person in a group.</summary>
internal sealed record UserMember(UserId Id, string Email, string Name);
