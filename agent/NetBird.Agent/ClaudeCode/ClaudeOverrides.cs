using System.Text.Json;

namespace NetBird.Agent.ClaudeCode;

/// <summary>What on this machine would beat the settings that we write.</summary>
internal static class ClaudeOverrides
{
    public const string ManagedSettings = "/etc/claude-code/managed-settings.json";

    public static IEnumerable<string> Find(string endpoint, string userSettings, string managedSettings, string workingFolder)
    {
        foreach (var name in ClaudeEnvironment.Overriding)
        {
            if (!string.IsNullOrEmpty(Environment.GetEnvironmentVariable(name)))
            {
                yield return $"{name} is set in this shell and changes where or as whom Claude Code calls. Take it out of your shell's start files.";
            }
        }

        foreach (var name in new[] { ClaudeEnvironment.ApiKey })
        {
            if (Environment.GetEnvironmentVariable(name) is { Length: > 0 } key && key is not (ClaudeEnvironment.DummyKey or "-"))
            {
                yield return $"{name} in this shell holds a real key. The gateway drops it, but it no longer needs to be there.";
            }
        }

        // Settings files by precedence: managed, then the project's local file, then the project's, then the person's.
        foreach (var file in new[] { managedSettings, Path.Combine(workingFolder, ".claude", "settings.local.json"), Path.Combine(workingFolder, ".claude", "settings.json") })
        {
            if (Path.GetFullPath(file) != Path.GetFullPath(userSettings) && Conflict(file, endpoint) is { } what)
            {
                yield return $"{file} sets {what} and comes before your own settings.";
            }
        }
    }

    private static string? Conflict(string file, string endpoint)
    {
        if (!File.Exists(file))
        {
            return null;
        }

        try
        {
            var text = File.ReadAllText(file);
            if (JsonText.Get(text, "env", ClaudeEnvironment.BaseUrl) is { } url && url.Trim('"') != endpoint)
            {
                return ClaudeEnvironment.BaseUrl;
            }

            return JsonText.Get(text, "apiKeyHelper") is { } helper && helper != "\"echo '-'\"" ? "apiKeyHelper"
                : JsonText.Get(text, "forceLoginMethod") is not null ? "forceLoginMethod"
                : null;
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
