using System.Collections.Immutable;
using System.Globalization;
using NetBird.Policy;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace NetBird.Gateway.Metering;

/// <summary>One request as it is remembered: a row of Usage &amp; Logs.</summary>
public sealed record UsageRecord
{
    /// <summary>Our id; also sent as <c>x-netbird-request-id</c>.</summary>
    public required RequestId Id { get; init; }

    /// <summary>When it reached the gateway.</summary>
    public required DateTimeOffset Timestamp { get; init; }

    /// <summary>The person; null when the tunnel address belongs to nobody.</summary>
    public UserId? User { get; init; }

    /// <summary>Their name at that time.</summary>
    public string UserName { get; init; } = "";

    /// <summary>The machine.</summary>
    public PeerId? Peer { get; init; }

    /// <summary>Every group of the caller at that time.</summary>
    public ImmutableArray<GroupId> Groups { get; init; } = [];

    /// <summary>The one group the request is attributed to.</summary>
    public GroupId? ChargedGroup { get; init; }

    /// <summary>The policy it was allowed by.</summary>
    public PolicyId? Policy { get; init; }

    /// <summary>Where it went.</summary>
    public ProviderId? Provider { get; init; }

    /// <summary>Which call.</summary>
    public RequestKind Kind { get; init; }

    /// <summary>The model asked for; replaced by the model that answered where the answer names it.</summary>
    public string Model { get; init; } = "";

    /// <summary>Claude Code's session, or null.</summary>
    public string? SessionId { get; init; }

    /// <summary>Claude Code's subagent, or null.</summary>
    public string? AgentId { get; init; }

    /// <summary>Allowed, or why not.</summary>
    public DenyReason? DenyReason { get; init; }

    /// <summary>The sentence a refused caller got.</summary>
    public string? DenyText { get; init; }

    /// <summary>HTTP status the caller got; 0 when gone before any.</summary>
    public int StatusCode { get; init; }

    /// <summary>Let through, and the provider's answer was an error, or none came.</summary>
    public bool Failed => DenyReason is null && StatusCode is 0 or >= 400;

    /// <summary>Whole duration.</summary>
    public TimeSpan Duration { get; init; }

    /// <summary>Time to the first body byte of the answer, or null when none came.</summary>
    public TimeSpan? TimeToFirstByte { get; init; }

    /// <summary>Whether the answer was a stream.</summary>
    public bool Stream { get; init; }

    /// <summary>What was used.</summary>
    public RequestUsage Usage { get; init; }

    /// <summary>What it cost.</summary>
    public NanoUsd Cost { get; init; }

    /// <summary>The model had no known price and was priced at the dearest.</summary>
    public bool PriceUnknown { get; init; }

    /// <summary>Whether <see cref="Usage"/> is the provider's word or partly our estimate.</summary>
    public Completeness Completeness { get; init; }

    /// <summary>Our id of the provider's key that it went out with, or null.</summary>
    public string? KeyId { get; init; }

    /// <summary>The provider's <c>request-id</c>, or null.</summary>
    public string? ProviderRequestId { get; init; }

    /// <summary>Bytes of the request body.</summary>
    public long RequestBytes { get; init; }

    /// <summary>Bytes of the answer's body as it passed.</summary>
    public long ResponseBytes { get; init; }

    /// <summary>Billed beside a request, or a result of a batch, that has a row of its own: no request by itself.</summary>
    public bool IsPart => Kind is RequestKind.Part || (Kind is RequestKind.BatchResult && Id.Value.Contains('.', StringComparison.Ordinal));

    /// <summary>The id of a row of what is billed beside a request, counted from 1 (<see cref="RequestKind.Part"/>).</summary>
    public static RequestId PartId(RequestId request, int number) => new(string.Create(CultureInfo.InvariantCulture, $"{request.Value}.{number}"));

    /// <summary>The other way round: the request that a part belongs to.</summary>
    public static RequestId WholeId(RequestId part) => new(part.Value[..part.Value.LastIndexOf('.')]);
}

/// <summary>How sure a record's usage is. Stored: add at the end.</summary>
public enum Completeness
{
    /// <summary>The provider's own figures, or nothing was used.</summary>
    Complete = 1,

    /// <summary>Cut by either side: what was seen, plus a stated estimate.</summary>
    Interrupted = 2,
}
