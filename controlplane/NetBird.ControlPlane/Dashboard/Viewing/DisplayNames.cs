using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Usage;
using NetBird.ControlPlane.Users;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Dashboard.Viewing;

/// <summary>Names for ids, as the account has them now; an id that is gone shows as itself.</summary>
internal sealed class DisplayNames(IConfigurationStore store)
{
    public string User(UserId? id)
        => id is null ? "nobody" : store.Current.Users.GetValueOrDefault(id.Value)?.DisplayName() ?? id.Value.Value;

    public string Group(GroupId? id)
        => id is null ? "–" : store.Current.Groups.GetValueOrDefault(id.Value)?.Name ?? id.Value.Value;

    /// <summary>A person's groups but All, by name.</summary>
    public string Groups(User user) => string.Join(", ", store.Current.GroupsOf(user).Where(id => id != ControlPlane.Groups.Group.AllId)
        .Select(id => Group(id)).Order(StringComparer.OrdinalIgnoreCase));

    public string Provider(ProviderId? id)
        => id is null ? "–" : store.Current.Providers.GetValueOrDefault(id.Value)?.Name ?? id.Value.Value;

    public string Policy(PolicyId? id)
        => id is null ? "–" : store.Current.Policies.GetValueOrDefault(id.Value)?.Name ?? id.Value.Value;

    /// <summary>Name of a key of an overview.</summary>
    public string Of(OverviewKey dimension, string key) => key.Length == 0 ? "none" : dimension switch
    {
        OverviewKey.User => User(new UserId(key)),
        OverviewKey.Group => Group(new GroupId(key)),
        OverviewKey.Provider => Provider(new ProviderId(key)),
        _ => key,
    };
}
