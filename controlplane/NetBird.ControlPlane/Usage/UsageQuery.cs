using System.Collections.Immutable;
using NetBird.ControlPlane.Store;
using NetBird.Gateway.Metering;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage;

/// <summary>Which rows; null is any. The filters of <c>GET /api/agent-network/access-logs</c>.</summary>
public sealed record UsageQuery
{
    /// <summary>The person.</summary>
    public UserId? User { get; init; }

    /// <summary>A group the caller was in, charged or not.</summary>
    public GroupId? Group { get; init; }

    public ProviderId? Provider { get; init; }

    public PolicyId? Policy { get; init; }

    /// <summary>The exact id in the row.</summary>
    public string? Model { get; init => field = Stored(value); }

    /// <summary>True: only requests that were let through; false: only refused ones.</summary>
    public bool? Allowed { get; init; }

    /// <summary>Claude Code's session id.</summary>
    public string? Session { get; init => field = Stored(value); }

    /// <summary>Part of the sentence a refused caller got, whatever the case; only refused requests have one.</summary>
    public string? Refusal { get; init => field = Stored(value); }

    /// <summary>First moment, inclusive, by <see cref="UsageRecord.Timestamp"/>.</summary>
    public DateTimeOffset? From { get; init; }

    /// <summary>Last moment, exclusive.</summary>
    public DateTimeOffset? To { get; init; }

    /// <summary>At most so many of them, the newest; null: all. For <see cref="IUsageLedger.EnumerateAsync"/>.</summary>
    public int? Newest { get; init; }

    /// <summary>From 1.</summary>
    public int Page { get; init; } = 1;

    /// <summary>1 to 1,000.</summary>
    public int PageSize { get; init; } = 50;

    /// <summary>Nothing by which the activity of one session is told apart: no group, provider, policy, model or decision.</summary>
    public bool IsOfAnyFacet => this is { Group: null, Provider: null, Policy: null, Model: null, Allowed: null };

    /// <summary>The same rows, told more narrowly: only refused requests have a sentence.</summary>
    public UsageQuery Narrowed => Refusal is not null && Allowed is null ? this with { Allowed = false } : this;

    /// <summary>Whether a row is asked for.</summary>
    public bool Matches(UsageRecord record)
        => (User is null || record.User == User)
            && (Group is null || record.Groups.Contains(Group.Value))
            && (Provider is null || record.Provider == Provider)
            && (Policy is null || record.Policy == Policy)
            && (Model is null || string.Equals(record.Model, Model, StringComparison.Ordinal))
            && (Allowed is null || (record.DenyReason is null) == Allowed)
            && (Session is null || string.Equals(record.SessionId, Session, StringComparison.Ordinal))
            && (Refusal is null || record.DenyText?.Contains(Refusal, StringComparison.OrdinalIgnoreCase) == true)
            && (From is null || record.Timestamp >= From)
            && (To is null || record.Timestamp < To);

    /// <summary>As rows have it that came with this text.</summary>
    private static string? Stored(string? text) => text is null ? null : StorableText.Of(text);
}

/// <summary>A page and how many there are in all.</summary>
internal sealed record UsagePage<T>(ImmutableArray<T> Data, int Page, int PageSize, long TotalRecords);
