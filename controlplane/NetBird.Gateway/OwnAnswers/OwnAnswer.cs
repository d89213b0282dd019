using Microsoft.AspNetCore.Http;

namespace NetBird.Gateway.OwnAnswers;

/// <summary>Paths that the gateway answers itself.</summary>
internal static class OwnAnswer
{
    public const string UsagePath = "/api/oauth/usage";

    /// <summary>Claude Code asks <c>HEAD /api/hello</c> (its pages say <c>HEAD /</c>) whether anybody is there.</summary>
    public static bool IsHello(string method, string target) => HttpMethods.IsHead(method) && target is ("/" or "/api/hello");

    public static bool IsUsage(string method, ReadOnlySpan<char> path) => HttpMethods.IsGet(method) && path is UsagePath;
}
