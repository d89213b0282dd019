using NetBird.ControlPlane.Users;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Audit;

/// <summary>Who did something.</summary>
/// <param name="Kind">What sort of actor.</param>
/// <param name="Id">User id; empty for the system.</param>
/// <param name="Name">As people know them, at that time.</param>
/// <param name="Via">Name of the access token or session it came by; empty: neither.</param>
/// <param name="Address">Address it came from; empty: from inside.</param>
internal sealed record Actor(ActorKind Kind, string Id, string Name, string Via = "", string Address = "")
{
    /// <summary>This program itself: first start, expiry, clean-up.</summary>
    public static readonly Actor System = new(ActorKind.System, "", "system");

    /// <summary>Somebody we know.</summary>
    public static Actor Of(User user, string via = "", string address = "")
        => new(ActorKind.User, user.Id.Value, user.DisplayName(), via, address);

    /// <summary>Somebody who could not be told: a refused login.</summary>
    public static Actor Unknown(string name, string address) => new(ActorKind.Unknown, "", name, "", address);
}

/// <summary>What sort of actor. Stored: add at the end.</summary>
internal enum ActorKind
{
    System = 1,
    User = 2,
    Scim = 3,
    Unknown = 4,
}
