using System.Collections.Immutable;
using NetBird.ControlPlane.Store;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Peers;

/// <summary>Enrols machines that have no person. The secret itself is shown once and kept only as its hash.</summary>
internal sealed record SetupKey : IDocument<SetupKeyId>
{
    public required SetupKeyId Id { get; init; }

    public required string Name { get; init; }

    /// <summary>As <see cref="Tokens.SecretHash"/> wrote it.</summary>
    public required string Hash { get; init; }

    /// <summary>First characters, by which people recognise it.</summary>
    public required string Prefix { get; init; }

    /// <summary>Groups of the machines it enrols.</summary>
    public ImmutableSortedSet<GroupId> AutoGroups { get; init; } = [];

    /// <summary>The service user that usage of its machines is recorded for.</summary>
    public required UserId ServiceUser { get; init; }

    /// <summary>Machines it may enrol; 0: no limit.</summary>
    public int UsageLimit { get; init; }

    public int UsedTimes { get; init; }

    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>Its machines go when they fall silent.</summary>
    public bool Ephemeral { get; init; }

    public bool Revoked { get; init; }

    public DateTimeOffset? LastUsed { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>Whether it may enrol one more machine now.</summary>
    public bool IsUsable(DateTimeOffset now)
        => !Revoked && (ExpiresAt is not { } end || now < end) && (UsageLimit == 0 || UsedTimes < UsageLimit);

    string IDocument.Label => Name;
}
