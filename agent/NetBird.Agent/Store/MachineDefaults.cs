using System.Runtime.Versioning;
using Microsoft.Win32;

namespace NetBird.Agent.Store;

/// <summary>
/// What an administrator set for every account of this machine, by package or MDM: options as variables, such as
/// <c>NETBIRD_AGENT_MANAGEMENT_URL=https://netbird.example.com</c>. The account's own environment and arguments go first.
/// </summary>
internal static class MachineDefaults
{
    private const string Prefix = "NETBIRD_AGENT_";

    /// <summary>The registry key on Windows (values are named like the variables, less the prefix); the file elsewhere.</summary>
    private static string Place => OperatingSystem.IsMacOS() ? "/Library/Application Support/NetBird.Agent/environment" : "/etc/netbird-agent/environment";

    /// <summary>Puts what is not set into this process' environment. What cannot be read is as if it were not there.</summary>
    public static void Apply()
    {
        foreach (var (name, value) in OperatingSystem.IsWindows() ? FromRegistry() : FromFile(Place))
        {
            // The key by which the machine enrols is for its service, and readable by nobody else; so is whom the service serves.
            var forServiceAlone = (name.StartsWith(Prefix + "SETUP_KEY", StringComparison.Ordinal) || name == Prefix + "OWNER") && !Environment.IsPrivilegedProcess;
            if (!forServiceAlone && string.IsNullOrEmpty(Environment.GetEnvironmentVariable(name)))
            {
                Environment.SetEnvironmentVariable(name, value);
            }
        }
    }

    /// <summary>Lines NAME=VALUE, as systemd's EnvironmentFile has them; a value may be in quotes, and # begins a comment line.</summary>
    internal static IEnumerable<(string Name, string Value)> Parse(IEnumerable<string> lines)
        => from line in lines
           let at = line.IndexOf('=', StringComparison.Ordinal)
           where at > 0
           let name = line[..at].Trim()
           let value = line[(at + 1)..].Trim()
           where name.StartsWith(Prefix, StringComparison.Ordinal) && value.Length != 0
           select (name, value.Length > 1 && value[0] is '"' or '\'' && value[^1] == value[0] ? value[1..^1] : value);

    private static IEnumerable<(string Name, string Value)> FromFile(string file)
    {
        try
        {
            return Parse(File.ReadAllLines(file));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    [SupportedOSPlatform("windows")]
    private static IEnumerable<(string Name, string Value)> FromRegistry()
    {
        using var key = Registry.LocalMachine.OpenSubKey(@"Software\NetBird.Agent");
        return key is null ? [] : Parse([.. key.GetValueNames().Select(name => $"{Prefix}{name}={key.GetValue(name)}")]);
    }
}
