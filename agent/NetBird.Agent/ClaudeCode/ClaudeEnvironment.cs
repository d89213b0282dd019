namespace NetBird.Agent.ClaudeCode;

/// <summary>The shell form of the documentation: base URL and a key that is none.</summary>
internal static class ClaudeEnvironment
{
    public const string BaseUrl = "ANTHROPIC_BASE_URL";
    public const string ApiKey = "ANTHROPIC_API_KEY";
    public const string DummyKey = "none";
    public const string UnixSocket = "ANTHROPIC_UNIX_SOCKET";

    /// <summary>
    /// Variables that would send a real credential past us or take Claude Code elsewhere (client-facts, "Settings and
    /// variables"). A program that we start never sees them.
    /// </summary>
    public static readonly IReadOnlyList<string> Overriding =
    [
        "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_CUSTOM_HEADERS", UnixSocket, "CLAUDE_CODE_OAUTH_TOKEN",
        "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY", "CLAUDE_CODE_USE_GATEWAY",
        "CLAUDE_CODE_GATEWAY_TOKEN", "ANTHROPIC_BEDROCK_BASE_URL", "ANTHROPIC_VERTEX_BASE_URL", "AWS_BEARER_TOKEN_BEDROCK",
    ];

    /// <param name="environment">Of the program that is started.</param>
    /// <param name="endpoint">The base URL.</param>
    /// <param name="socket">The unix socket to go through; null for the URL's own port.</param>
    public static void Apply(IDictionary<string, string?> environment, string endpoint, string? socket)
    {
        foreach (var name in Overriding)
        {
            environment.Remove(name);
        }

        // What the agent itself was told is not for its children: it may hold a setup key.
        foreach (var name in environment.Keys.Where(name => name.StartsWith("NETBIRD_AGENT_", StringComparison.Ordinal)).ToList())
        {
            environment.Remove(name);
        }

        environment[BaseUrl] = endpoint;
        environment[ApiKey] = DummyKey;
        if (socket is not null)
        {
            environment[UnixSocket] = socket;
        }
    }
}
