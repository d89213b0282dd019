namespace NetBird.Agent.Endpoint;

/// <summary>
/// An answer of the endpoint itself, in Anthropic's error envelope. With <c>x-should-retry: false</c> unless a second try
/// will succeed at once, or Claude Code retries for minutes before the person sees the sentence (architecture.md, "What
/// a refused caller gets").
/// </summary>
internal sealed record EndpointRefusal(int Status, string Type, string Message, bool RetryHelps = false)
{
    /// <summary>Only a person can mend it: not enrolled, login ended, not allowed here.</summary>
    public static EndpointRefusal Blocked(string message) => new(400, "policy_blocked", message);

    /// <summary>It does not work now.</summary>
    public static EndpointRefusal Unavailable(string message) => new(503, "api_error", message);
}
