using NetBird.Primitives;

namespace NetBird.Policy.Pricing;

/// <summary>Everything of an answer that has a price.</summary>
/// <param name="Tokens">Tokens by bucket.</param>
/// <param name="WebSearchRequests">Searches the provider ran (<c>server_tool_use.web_search_requests</c>).</param>
/// <param name="Tier">How the call was served.</param>
/// <param name="Fast">Served in fast mode (<c>speed: fast</c>).</param>
/// <param name="InferenceInUs">Kept in the US (<c>inference_geo: us</c>).</param>
/// <param name="CodeExecutionRequests">Container runs the provider made.</param>
public readonly record struct RequestUsage(
    TokenUsage Tokens,
    int WebSearchRequests = 0,
    ServiceTier Tier = ServiceTier.Standard,
    bool Fast = false,
    bool InferenceInUs = false,
    int CodeExecutionRequests = 0);

/// <summary><c>usage.service_tier</c>.</summary>
public enum ServiceTier
{
    /// <summary>List price.</summary>
    Standard = 0,

    /// <summary>Priority tier; list price.</summary>
    Priority = 1,

    /// <summary>Half of list price.</summary>
    Batch = 2,
}
