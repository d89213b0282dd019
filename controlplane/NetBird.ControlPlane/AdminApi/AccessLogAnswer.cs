using System.Text.Json;
using System.Text.Json.Serialization;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Usage;
using NetBird.Gateway.Metering;
using NetBird.Policy;
using NetBird.Primitives;

namespace NetBird.ControlPlane.AdminApi;

/// <summary>A request as REST gives it: NetBird's names, and what else is known.</summary>
internal sealed record AccessLogAnswer(
    RequestId Id,
    DateTimeOffset Timestamp,
    UserId? UserId,
    string UserName,
    PeerId? PeerId,
    IEnumerable<GroupId> GroupIds,
    GroupId? GroupId,
    ProviderId? Provider,
    string ProviderName,
    string Kind,
    string Model,
    string? SessionId,
    string? AgentId,
    string Decision,
    string? DenyReason,
    string? DenyText,
    int StatusCode,
    long DurationMs,
    long? TtftMs,
    bool Stream,
    long InputTokens,
    long OutputTokens,
    long CachedInputTokens,
    long CacheCreationTokens,
    [property: JsonPropertyName("cache_creation_1h_tokens")] long CacheCreation1hTokens,
    long TotalTokens,
    int WebSearchRequests,
    int CodeExecutionRequests,
    string ServiceTier,
    decimal CostUsd,
    bool PriceUnknown,
    PolicyId? SelectedPolicyId,
    string SelectedPolicyName,
    string Completeness,
    string? ProviderKeyId,
    string? ProviderRequestId,
    long RequestBytes,
    long ResponseBytes)
{
    public static AccessLogAnswer Of(Configuration configuration, UsageRecord row) => new(
        row.Id,
        row.Timestamp,
        row.User,
        row.UserName,
        row.Peer,
        row.Groups,
        row.ChargedGroup,
        row.Provider,
        row.Provider is { } provider ? configuration.Providers.GetValueOrDefault(provider)?.Name ?? "" : "",
        Snake(row.Kind),
        row.Model,
        row.SessionId,
        row.AgentId,
        row.DenyReason is null ? "allowed" : "denied",
        row.DenyReason is { } reason ? Snake(reason) : null,
        row.DenyText,
        row.StatusCode,
        (long)row.Duration.TotalMilliseconds,
        (long?)row.TimeToFirstByte?.TotalMilliseconds,
        row.Stream,
        row.Usage.Tokens.Input,
        row.Usage.Tokens.Output,
        row.Usage.Tokens.CacheRead,
        row.Usage.Tokens.CacheWrite,
        row.Usage.Tokens.CacheWrite1h,
        row.Usage.Tokens.Total,
        row.Usage.WebSearchRequests,
        row.Usage.CodeExecutionRequests,
        Snake(row.Usage.Tier),
        row.Cost.ToUsd(),
        row.PriceUnknown,
        row.Policy,
        row.Policy is { } policy ? configuration.Policies.GetValueOrDefault(policy)?.Name ?? "" : "",
        Snake(row.Completeness),
        row.KeyId,
        row.ProviderRequestId,
        row.RequestBytes,
        row.ResponseBytes);

    internal static string Snake<T>(T value)
        where T : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());
}

/// <summary>A session as REST gives it.</summary>
internal sealed record SessionAnswer(
    string SessionId,
    UserId? UserId,
    string UserName,
    DateTimeOffset FirstAt,
    DateTimeOffset LastAt,
    long Turns,
    int Agents,
    IEnumerable<string> Models,
    long Requests,
    long Denied,
    long InputTokens,
    long OutputTokens,
    long CachedInputTokens,
    long CacheCreationTokens,
    [property: JsonPropertyName("cache_creation_1h_tokens")] long CacheCreation1hTokens,
    long TotalTokens,
    decimal CostUsd)
{
    public static SessionAnswer Of(SessionSummary session) => new(
        session.SessionId, session.User, session.UserName, session.FirstAt, session.LastAt, session.Turns, session.Agents, session.Models,
        session.Totals.Requests, session.Totals.Denied, session.Totals.Tokens.Input, session.Totals.Tokens.Output,
        session.Totals.Tokens.CacheRead, session.Totals.Tokens.CacheWrite, session.Totals.Tokens.CacheWrite1h, session.Totals.Tokens.Total,
        session.Totals.Cost.ToUsd());
}

/// <summary>One span and key of an overview.</summary>
internal sealed record OverviewAnswer(
    DateTimeOffset Start,
    DateTimeOffset End,
    string Key,
    string Name,
    long Requests,
    long Denied,
    long Interrupted,
    long InputTokens,
    long OutputTokens,
    long CachedInputTokens,
    long CacheCreationTokens,
    [property: JsonPropertyName("cache_creation_1h_tokens")] long CacheCreation1hTokens,
    long TotalTokens,
    long WebSearchRequests,
    decimal CostUsd,
    long Failed)
{
    public static OverviewAnswer Of(OverviewRow row, string name) => new(
        row.Start, row.End, row.Key, name, row.Totals.Requests, row.Totals.Denied, row.Totals.Interrupted, row.Totals.Tokens.Input,
        row.Totals.Tokens.Output, row.Totals.Tokens.CacheRead, row.Totals.Tokens.CacheWrite, row.Totals.Tokens.CacheWrite1h,
        row.Totals.Tokens.Total, row.Totals.WebSearches, row.Totals.Cost.ToUsd(), row.Totals.Failed);
}

/// <summary>A page of rows.</summary>
internal sealed record PageAnswer<T>(IEnumerable<T> Data, int Page, int PageSize, long TotalRecords);

/// <summary>An overview.</summary>
internal sealed record OverviewsAnswer(
    DateTimeOffset From, DateTimeOffset To, string Granularity, string GroupBy, IEnumerable<OverviewAnswer> Data);

/// <summary>A counter: amounts in tokens or dollars, as <paramref name="Unit"/> says.</summary>
internal sealed record ConsumptionAnswer(
    string SourceId,
    string SourceName,
    string SourceKind,
    string Scope,
    string SubjectId,
    string SubjectName,
    string Unit,
    decimal Used,
    decimal Reserved,
    decimal Cap,
    long WindowSeconds,
    bool Strict,
    bool Soft,
    DateTimeOffset? FreesUpAt);
