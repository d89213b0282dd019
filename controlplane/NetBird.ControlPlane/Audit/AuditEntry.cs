using System.Text.Json.Nodes;

namespace NetBird.ControlPlane.Audit;

/// <summary>One entry of the audit log: what was done, by whom, to what, and how it looked before and after.</summary>
internal sealed record AuditEntry
{
    /// <summary>1, 2, 3 ... without a gap.</summary>
    public required long Sequence { get; init; }

    public required DateTimeOffset Timestamp { get; init; }

    public required Actor Actor { get; init; }

    /// <summary>Such as <c>policy.update</c>.</summary>
    public required string Action { get; init; }

    public required string TargetKind { get; init; }

    public required string TargetId { get; init; }

    public required string TargetName { get; init; }

    /// <summary>A sentence; empty: none.</summary>
    public string Detail { get; init; } = "";

    /// <summary>Fields that differ, as they were, without secrets; null: it was not there.</summary>
    public JsonObject? Before { get; init; }

    /// <summary>Fields that differ, as they are, without secrets; null: it is gone.</summary>
    public JsonObject? After { get; init; }

    /// <summary>Hash of the entry before; see <see cref="AuditChain"/>.</summary>
    public string PreviousHash { get; init; } = "";

    /// <summary>Over everything above.</summary>
    public string Hash { get; init; } = "";
}

/// <summary>The newest entry, kept beside the log so that a cut end is seen.</summary>
/// <param name="Sequence">0: the log is empty.</param>
/// <param name="Hash">Its hash; empty for an empty log.</param>
internal readonly record struct AuditHead(long Sequence, string Hash)
{
    public static readonly AuditHead Empty = new(0, "");
}
