using System.Text.Json;
using NetBird.Agent.ClaudeCode;
using NetBird.Protocol.Daemon.V1;

namespace NetBird.Agent.Diagnosis;

/// <summary>Whether Claude Code's settings lead to this agent: every link behind may be well while it calls somebody else.</summary>
internal static class ClaudeCheck
{
    private const string Link = "claude code";

    public static Check Run(StatusReply status)
    {
        var file = ClaudeSettingsFile.OfUser;
        if (status.EndpointUrl.Length == 0)
        {
            return Check.Skip(Link, "the endpoint does not listen");
        }

        string? named;
        try
        {
            named = File.Exists(file) ? Value(File.ReadAllText(file), "env", ClaudeEnvironment.BaseUrl) : null;
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            return Check.Fail(Link, $"{file} cannot be read: {e.Message}", "Mend it, then: netbird-agent claude setup");
        }

        if (named is null)
        {
            return Environment.GetEnvironmentVariable(ClaudeEnvironment.BaseUrl) is { Length: > 0 } shell && IsOurs(shell, status)
                ? Check.Pass(Link, "this shell leads it here")
                : Check.Skip(Link, $"{file} does not name this agent: 'netbird-agent claude setup' makes it, and 'netbird-agent exec' does without");
        }

        if (!IsOurs(named, status))
        {
            return Check.Fail(Link, $"{file} leads it to {named}, and the agent listens on {status.EndpointUrl}", "netbird-agent claude setup");
        }

        var form = Value(File.ReadAllText(file), "env", "CLAUDE_CODE_USE_GATEWAY") is null ? ClaudeForm.Documented(named) : ClaudeForm.Gateway(named);
        var against = ClaudeOverrides.Find(form, file, Environment.CurrentDirectory).ToList();
        return against.Count == 0
            ? Check.Pass(Link, $"{file} leads it here")
            : Check.Fail(Link, string.Join(' ', against), "What the line says; 'netbird-agent exec -- claude' goes without what this shell sets");
    }

    private static bool IsOurs(string url, StatusReply status)
        => url.TrimEnd('/') is var plain && (plain == status.EndpointUrl || plain == status.EndpointUrl.Replace("127.0.0.1", "localhost", StringComparison.Ordinal) || plain == status.EndpointHttpsUrl);

    private static string? Value(string text, params ReadOnlySpan<string> path) => JsonText.Get(text, path)?.Trim('"');
}
