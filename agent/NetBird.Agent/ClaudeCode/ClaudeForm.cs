namespace NetBird.Agent.ClaudeCode;

/// <summary>What is written into Claude Code's settings: paths and raw JSON values.</summary>
internal sealed record ClaudeForm(IReadOnlyList<(string[] Path, string Value)> Values)
{
    /// <summary>Every path that any form writes; what <c>unset</c> looks at.</summary>
    public static readonly IReadOnlyList<string[]> AllPaths =
    [
        ["apiKeyHelper"], ["env", "ANTHROPIC_BASE_URL"], ["env", "CLAUDE_CODE_USE_GATEWAY"], ["env", "ANTHROPIC_AUTH_TOKEN"],
        ["env", "ANTHROPIC_DEFAULT_OPUS_MODEL"], ["env", "NODE_EXTRA_CA_CERTS"], ["statusLine"], ["env"],
    ];

    /// <summary>The form of the documentation: a key helper that answers a dash, and the endpoint.</summary>
    public static ClaudeForm Documented(string endpoint) => new([
        (["apiKeyHelper"], Text("echo '-'")),
        (["env", "ANTHROPIC_BASE_URL"], Text(endpoint)),
    ]);

    /// <summary>
    /// Gateway mode without a sign-in (client-facts, measured on 2.1.331): Claude Code shows the budget itself. Its
    /// default model there is older, so the current one is set back.
    /// </summary>
    public static ClaudeForm Gateway(string endpoint) => new([
        (["env", "ANTHROPIC_BASE_URL"], Text(endpoint)),
        (["env", "CLAUDE_CODE_USE_GATEWAY"], Text("1")),
        (["env", "ANTHROPIC_AUTH_TOKEN"], Text("-")),
        (["env", "ANTHROPIC_DEFAULT_OPUS_MODEL"], Text("claude-opus-5-5")),
    ]);

    /// <summary>The raw JSON that the form writes there; null when it writes nothing there.</summary>
    public string? ValueOf(params string[] path) => Values.Where(value => value.Path.SequenceEqual(path)).Select(value => value.Value).FirstOrDefault();

    public ClaudeForm WithStatusLine(string command)
        => new([.. Values, (["statusLine"], $"{{ \"type\": \"command\", \"command\": {Text(command)} }}")]);

    public ClaudeForm WithAuthority(string file) => new([.. Values, (["env", "NODE_EXTRA_CA_CERTS"], Text(file))]);

    private static string Text(string value) => JsonText.Quote(value);
}
