using System.Collections.Immutable;
using NetBird.ControlPlane.Store;
using NetBird.Policy;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Policies;

/// <summary>A guardrail as administrators keep it: each check has its settings also while it is switched off.</summary>
internal sealed record GuardrailRecord : IDocument<GuardrailId>
{
    public required GuardrailId Id { get; init; }

    /// <summary>Unique, whatever the case.</summary>
    public required string Name { get; init; }

    public string Description { get; init; } = "";

    public bool AllowlistEnabled { get; init; }

    /// <summary>Model ids, <c>*</c> for any run of characters.</summary>
    public ImmutableArray<string> AllowedModels { get; init; } = [];

    public bool CaptureEnabled { get; init; }

    public bool CaptureRedactPii { get; init; } = true;

    public bool MaxTokensEnabled { get; init; }

    public long MaxTokens { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset ModifiedAt { get; init; }

    /// <summary>What decisions are made by.</summary>
    public Guardrail ToGuardrail() => new(
        Id,
        Name,
        AllowlistEnabled ? AllowedModels : null,
        MaxTokensEnabled ? MaxTokens : null,
        CaptureEnabled ? new PromptCapture(CaptureRedactPii) : null);

    string IDocument.Label => Name;
}
