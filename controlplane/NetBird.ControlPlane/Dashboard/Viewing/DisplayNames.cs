using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Usage;
using NetBird.ControlPlane.Users;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Dashboard.Viewing;

/// <summary>Names for ids, as the account has them now; an id that is gone shows as itself.</summary>
internal sealed class DisplayNames(IConfigurationStore store)
{
    private volatile SharedNames? _shared;

    /// <summary>A person by name, with the address where two have the same; without a name, by address.</summary>
    public string User(UserId? id)
        => id is null ? "nobody" : store.Current.Users.GetValueOrDefault(id.Value) is { } user ? User(user) : id.Value.Value;

    public string User(User user)
        => user.Name.Length == 0 || user.Email.Length == 0 ? user.DisplayName() : Shared.Contains(user.Name) ? $"{user.Name} ({user.Email})" : user.Name;

    /// <summary>The address of somebody whom <see cref="User(UserId?)"/> calls by name alone; else empty.</summary>
    public string Address(UserId? id)
        => id is not null && store.Current.Users.GetValueOrDefault(id.Value) is { Name.Length: > 0, Email.Length: > 0 } user ? user.Email : "";

    /// <summary>Whether somebody is meant by what was typed: their name, or their address.</summary>
    public bool Finds(UserId? id, string typed)
        => User(id).Contains(typed, StringComparison.OrdinalIgnoreCase) || Address(id).Contains(typed, StringComparison.OrdinalIgnoreCase);

    public string Group(GroupId? id)
        => id is null ? "–" : store.Current.Groups.GetValueOrDefault(id.Value)?.Name ?? id.Value.Value;

    /// <summary>A person's groups but All, by name.</summary>
    public List<string> Groups(User user) => [.. store.Current.GroupsOf(user).Where(id => id != ControlPlane.Groups.Group.AllId)
        .Select(id => Group(id)).Order(StringComparer.OrdinalIgnoreCase)];

    public string Provider(ProviderId? id)
        => id is null ? "–" : store.Current.Providers.GetValueOrDefault(id.Value)?.Name ?? id.Value.Value;

    public string Policy(PolicyId? id)
        => id is null ? "–" : store.Current.Policies.GetValueOrDefault(id.Value)?.Name ?? id.Value.Value;

    public string Peer(PeerId? id)
        => id is null ? "–" : store.Current.Peers.GetValueOrDefault(id.Value)?.Name ?? id.Value.Value;

    /// <summary>Name of a key of an overview.</summary>
    public string Of(OverviewKey dimension, string key) => key.Length == 0 ? "none" : dimension switch
    {
        OverviewKey.User => User(new UserId(key)),
        OverviewKey.Group => Group(new GroupId(key)),
        OverviewKey.Provider => Provider(new ProviderId(key)),
        _ => key,
    };

    /// <summary>Names that more than one person has, found once for each state of the account.</summary>
    private HashSet<string> Shared
    {
        get
        {
            var current = store.Current;
            var known = _shared;
            if (known is null || !ReferenceEquals(known.Of, current))
            {
                known = new(current, current.Users.Values.Where(user => user.Name.Length > 0).GroupBy(user => user.Name, StringComparer.OrdinalIgnoreCase)
                    .Where(same => same.Skip(1).Any()).Select(same => same.Key).ToHashSet(StringComparer.OrdinalIgnoreCase));
                _shared = known;
            }

            return known.Names;
        }
    }

    private sealed record SharedNames(Configuration Of, HashSet<string> Names);
}
