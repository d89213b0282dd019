using System.Collections.Immutable;
using NetBird.ControlPlane.Store;
using NetBird.Policy;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Policies;

/// <summary>A policy as administrators keep it; <see cref="ToAccessPolicy"/> is what decisions are made by.</summary>
internal sealed record PolicyRecord : IDocument<PolicyId>
{
    public required PolicyId Id { get; init; }

    /// <summary>Unique, whatever the case.</summary>
    public required string Name { get; init; }

    public string Description { get; init; } = "";

    public bool Enabled { get; init; } = true;

    public ImmutableSortedSet<GroupId> SourceGroups { get; init; } = [];

    public ImmutableSortedSet<ProviderId> Providers { get; init; } = [];

    public ImmutableArray<GuardrailId> Guardrails { get; init; } = [];

    public LimitSettings Limits { get; init; } = LimitSettings.None;

    /// <summary>Batches and files may be used.</summary>
    public bool AllowBatches { get; init; }

    /// <summary>Decides the order of evaluation.</summary>
    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset ModifiedAt { get; init; }

    public AccessPolicy ToAccessPolicy()
        => new(Id, Name, Enabled, SourceGroups, Providers, Guardrails, Limits.ToLimits(), AllowBatches);

    string IDocument.Label => Name;
}
