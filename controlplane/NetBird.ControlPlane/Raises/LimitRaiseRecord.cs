using NetBird.ControlPlane.Store;
using NetBird.Policy.Limits;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Raises;

/// <summary>More room under a cap for a while, as an administrator gave it. It ends by itself.</summary>
internal sealed record LimitRaiseRecord : IDocument<LimitRaiseId>
{
    public required LimitRaiseId Id { get; init; }

    /// <summary>Id of the policy or budget rule.</summary>
    public required string Source { get; init; }

    /// <summary>The source is a budget rule.</summary>
    public bool FromRule { get; init; }

    public CapScope Scope { get; init; }

    /// <summary>User or group; empty: everyone's of that scope.</summary>
    public string Subject { get; init; } = "";

    public CapUnit Unit { get; init; }

    /// <summary>Tokens or nano-USD, added to the cap.</summary>
    public long Amount { get; init; }

    public DateTimeOffset StartsAt { get; init; }

    public DateTimeOffset EndsAt { get; init; }

    /// <summary>Why, in words; kept in the audit log.</summary>
    public string Reason { get; init; } = "";

    /// <summary>Name of who gave it.</summary>
    public string CreatedBy { get; init; } = "";

    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>What decisions are made by.</summary>
    public LimitRaise ToRaise() => new(Source, FromRule, Scope, Subject, Unit, Amount, StartsAt, EndsAt);

    string IDocument.Label => Reason.Length > 0 ? Reason : Source;
}
