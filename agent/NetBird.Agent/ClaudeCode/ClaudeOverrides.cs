using System.Text.Json;

namespace NetBird.Agent.ClaudeCode;

/// <summary>What on this machine would beat the settings that we write, or take Claude Code elsewhere in spite of them.</summary>
internal static class ClaudeOverrides
{
    /// <summary>Where Claude Code's documentation has an administrator put settings that nobody else can change.</summary>
    public static string ManagedSettings { get; } = Path.Combine(
        OperatingSystem.IsWindows() ? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.ProgramFiles), "ClaudeCode")
            : OperatingSystem.IsMacOS() ? "/Library/Application Support/ClaudeCode"
            : "/etc/claude-code",
        "managed-settings.json");

    private const string Authorities = "NODE_EXTRA_CA_CERTS";

    /// <summary>A sentence for each.</summary>
    /// <param name="form">What we write; what it says is no conflict.</param>
    /// <param name="written">The file that we write it into.</param>
    /// <param name="workingFolder">A project whose own settings come before the person's.</param>
    public static IEnumerable<string> Find(ClaudeForm form, string written, string workingFolder)
    {
        foreach (var name in ClaudeEnvironment.Overriding)
        {
            if (!string.IsNullOrEmpty(Environment.GetEnvironmentVariable(name)) && form.ValueOf("env", name) is null)
            {
                yield return $"{name} is set in this shell and changes where or as whom Claude Code calls. Take it out of your shell's start files.";
            }
        }

        if (Environment.GetEnvironmentVariable(ClaudeEnvironment.ApiKey) is { Length: > 0 } key && key is not (ClaudeEnvironment.DummyKey or "-"))
        {
            yield return $"{ClaudeEnvironment.ApiKey} in this shell holds a real key. The gateway drops it, but it no longer needs to be there.";
        }

        if (form.ValueOf("env", Authorities) is not null && Environment.GetEnvironmentVariable(Authorities) is { Length: > 0 } others)
        {
            yield return $"{Authorities} in this shell names {others}; Claude Code trusts the file in {written} in its place. Where it needs both, put both into one file.";
        }

        if (Conflict(written, form, ClaudeEnvironment.Overriding) is { } own)
        {
            yield return $"{written} also sets {own}, which changes where or as whom Claude Code calls. Take it out.";
        }

        foreach (var file in Stronger(workingFolder).Where(file => Path.GetFullPath(file) != Path.GetFullPath(written)))
        {
            if (Conflict(file, form, [ClaudeEnvironment.BaseUrl, .. ClaudeEnvironment.Overriding]) is { } what)
            {
                yield return $"{file} sets {what} and comes before {written}.";
            }
        }
    }

    /// <summary>Settings files by precedence: managed and what is dropped in beside it, then the project's local file, then the project's.</summary>
    private static IEnumerable<string> Stronger(string workingFolder)
    {
        yield return ManagedSettings;
        foreach (var file in DroppedIn())
        {
            yield return file;
        }

        yield return Path.Combine(workingFolder, ".claude", "settings.local.json");
        yield return Path.Combine(workingFolder, ".claude", "settings.json");
    }

    private static string[] DroppedIn()
    {
        try
        {
            var folder = Path.Combine(Path.GetDirectoryName(ManagedSettings)!, "managed-settings.d"); // a file in a folder
            return Directory.Exists(folder) ? [.. Directory.GetFiles(folder, "*.json").Order(StringComparer.Ordinal)] : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>The first thing in a file that is against the form; null when nothing is, or nobody can read it.</summary>
    private static string? Conflict(string file, ClaudeForm form, IEnumerable<string> variables)
    {
        if (!File.Exists(file))
        {
            return null;
        }

        try
        {
            var text = File.ReadAllText(file);
            return variables.FirstOrDefault(name => JsonText.Get(text, "env", name) is { } set && set != "\"\"" && set != form.ValueOf("env", name))
                ?? (JsonText.Get(text, "apiKeyHelper") is { } helper && form.ValueOf("apiKeyHelper") is { } ours && helper != ours ? "apiKeyHelper"
                    : JsonText.Get(text, "forceLoginMethod") is not null ? "forceLoginMethod"
                    : null);
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
