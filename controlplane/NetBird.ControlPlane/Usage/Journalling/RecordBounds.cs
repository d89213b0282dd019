using NetBird.ControlPlane.Store;
using NetBird.Gateway.Metering;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage.Journalling;

/// <summary>
/// Keeps what others wrote within bounds: a provider's count or a caller's header must neither overflow a sum nor fill the disk, nor be
/// text that a store refuses, which would keep every row behind it out of the ledger.
/// </summary>
internal static class RecordBounds
{
    /// <summary>A million times any real request.</summary>
    private const long MostTokens = 1_000_000_000_000;

    /// <summary>A million dollars.</summary>
    private const long MostNanoUsd = 1_000_000 * NanoUsd.PerUsd;

    public static UsageRecord Apply(UsageRecord record)
    {
        var tokens = record.Usage.Tokens;
        var bounded = new TokenUsage(
            Tokens(tokens.Input),
            Tokens(tokens.Output),
            Tokens(tokens.CacheRead),
            Tokens(tokens.CacheWrite5m),
            Tokens(tokens.CacheWrite1h));
        return record with
        {
            UserName = Text(record.UserName, 256)!,
            Model = Text(record.Model, 256)!,
            SessionId = Text(record.SessionId, 128),
            AgentId = Text(record.AgentId, 128),
            DenyText = Text(record.DenyText, 1024),
            ProviderRequestId = Text(record.ProviderRequestId, 128),
            KeyId = Text(record.KeyId, 64),
            Usage = record.Usage with
            {
                Tokens = bounded,
                WebSearchRequests = Math.Clamp(record.Usage.WebSearchRequests, 0, 1_000_000),
                CodeExecutionRequests = Math.Clamp(record.Usage.CodeExecutionRequests, 0, 1_000_000),
            },
            Cost = new(Math.Clamp(record.Cost.Value, 0, MostNanoUsd)),
            Completeness = record.Completeness == 0 ? Completeness.Complete : record.Completeness,
        };
    }

    private static long Tokens(long count) => Math.Clamp(count, 0, MostTokens);

    private static string? Text(string? text, int most) => text is null ? null : StorableText.Of(text, most);
}
