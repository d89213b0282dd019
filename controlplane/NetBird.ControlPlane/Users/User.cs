using System.Collections.Immutable;
using NetBird.ControlPlane.Store;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Users;

/// <summary>
/// A person, or the service user that stands for machines and automation. Who somebody is, is decided by
/// <see cref="Issuer"/> and <see cref="Subject"/> alone (OpenID Connect Core section 5.7); an e-mail address can
/// change hands.
/// </summary>
internal sealed record User : IDocument<UserId>
{
    /// <summary>Issuer of people whom the embedded IdP holds, whatever address it is reached by.</summary>
    public const string EmbeddedIssuer = "embedded";

    public required UserId Id { get; init; }

    /// <summary>Shown to people; empty where the IdP gave none.</summary>
    public string Name { get; init; } = "";

    /// <summary>Shown, and the name to log in by at the embedded IdP. Not an identity.</summary>
    public string Email { get; init; } = "";

    public Role Role { get; init; } = Role.User;

    /// <summary><c>iss</c> of the person's tokens, or <see cref="EmbeddedIssuer"/>; empty for service users.</summary>
    public string Issuer { get; init; } = "";

    /// <summary><c>sub</c> of the person's tokens; empty for service users and until SCIM's person first logs in.</summary>
    public string Subject { get; init; } = "";

    /// <summary>Groups given here by hand.</summary>
    public ImmutableSortedSet<GroupId> AutoGroups { get; init; } = [];

    /// <summary>Groups of the claim at the last login.</summary>
    public ImmutableSortedSet<GroupId> IdpGroups { get; init; } = [];

    /// <summary>Groups that SCIM put the person in.</summary>
    public ImmutableSortedSet<GroupId> ScimGroups { get; init; } = [];

    public UserStatus Status { get; init; } = UserStatus.Active;

    /// <summary>A machine's or a script's user: has tokens and peers, never logs in.</summary>
    public bool IsServiceUser { get; init; }

    /// <summary>Made and owned by SCIM.</summary>
    public bool IsScim { get; init; }

    /// <summary>The SCIM client's <c>externalId</c>, or null.</summary>
    public string? ExternalId { get; init; }

    /// <summary>The resource as the SCIM client wrote it, without what is above; JSON, or null.</summary>
    public string? ScimAttributes { get; init; }

    /// <summary>SCIM deleted the person, and a budget rule keeps the record: disabled, and unknown to SCIM.</summary>
    public bool ScimGone { get; init; }

    public DateTimeOffset? LastLogin { get; init; }

    /// <summary>Password and second factor at the embedded IdP; null for everyone else.</summary>
    public LocalCredential? Credential { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset ModifiedAt { get; init; }

    /// <summary>Every group but All, from all three sources.</summary>
    public ImmutableSortedSet<GroupId> OwnGroups() => AutoGroups.Union(IdpGroups).Union(ScimGroups);

    /// <summary>What to call the person in tables and refusals.</summary>
    public string DisplayName() => Email.Length > 0 ? Email : Name.Length > 0 ? Name : Id.Value;

    string IDocument.Label => DisplayName();
}

/// <summary>What somebody may do here. Stored: never renumber; higher includes lower, but for the auditor.</summary>
internal enum Role
{
    /// <summary>Sees the own usage only.</summary>
    User = 1,

    /// <summary>Reads everything, changes nothing.</summary>
    Auditor = 2,

    /// <summary>Changes everything but owners.</summary>
    Admin = 3,

    /// <summary>Everything.</summary>
    Owner = 4,
}

/// <summary>Whether somebody may use anything. Stored: add at the end.</summary>
internal enum UserStatus
{
    /// <summary>Yes.</summary>
    Active = 1,

    /// <summary>No: requests, logins and tokens are refused at once.</summary>
    Disabled = 2,
}
