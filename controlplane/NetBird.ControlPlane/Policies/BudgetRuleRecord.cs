using System.Collections.Immutable;
using NetBird.ControlPlane.Store;
using NetBird.Policy;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Policies;

/// <summary>A ceiling over all policies, as administrators keep it.</summary>
internal sealed record BudgetRuleRecord : IDocument<BudgetRuleId>
{
    public required BudgetRuleId Id { get; init; }

    /// <summary>Unique, whatever the case.</summary>
    public required string Name { get; init; }

    public bool Enabled { get; init; } = true;

    /// <summary>With <see cref="TargetUsers"/> empty too: everyone.</summary>
    public ImmutableSortedSet<GroupId> TargetGroups { get; init; } = [];

    public ImmutableSortedSet<UserId> TargetUsers { get; init; } = [];

    public LimitSettings Limits { get; init; } = LimitSettings.None;

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset ModifiedAt { get; init; }

    /// <summary>What decisions are made by.</summary>
    public BudgetRule ToBudgetRule() => new(Id, Name, Enabled, TargetGroups, TargetUsers, Limits.ToLimits());

    string IDocument.Label => Name;
}
