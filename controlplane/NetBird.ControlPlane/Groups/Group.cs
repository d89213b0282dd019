using NetBird.ControlPlane.Store;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Groups;

/// <summary>A group of people and machines. Its members carry its id; it does not list them.</summary>
internal sealed record Group : IDocument<GroupId>
{
    /// <summary>The group everyone is in, always; it can be neither renamed nor deleted.</summary>
    public static readonly GroupId AllId = new("all");

    public required GroupId Id { get; init; }

    /// <summary>Unique, whatever the case. 1 to 128 characters.</summary>
    public required string Name { get; init; }

    /// <summary>Who owns its membership. Only that source adds and removes members.</summary>
    public GroupSource Source { get; init; } = GroupSource.Api;

    /// <summary>The SCIM client's <c>externalId</c>, or null.</summary>
    public string? ExternalId { get; init; }

    /// <summary>How long a login of a member lasts; the shortest of a person's groups counts. Null: the account's.</summary>
    public TimeSpan? LoginExpiry { get; init; }

    /// <summary>Role that members get, where it is higher than their own. Null: none.</summary>
    public Users.Role? GrantsRole { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset ModifiedAt { get; init; }

    string IDocument.Label => Name;
}

/// <summary>Where a group comes from. Stored: add at the end.</summary>
internal enum GroupSource
{
    /// <summary>Made here by hand, by REST or by <c>apply</c>.</summary>
    Api = 1,

    /// <summary>Seen in a token's groups claim.</summary>
    Idp = 2,

    /// <summary>Pushed by the IdP over SCIM 2.0.</summary>
    Scim = 3,
}
