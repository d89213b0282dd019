using System.CommandLine;
using NetBird.Agent.Store;

namespace NetBird.Agent.Cli;

/// <summary>Options that many commands share, and the rule that every flag has an environment variable.</summary>
internal static class CommonOptions
{
    public static readonly Option<string?> StateDir = Text("--state-dir", "Folder with this agent's state. Default: /var/lib/netbird-agent for root, else $XDG_STATE_HOME/netbird-agent.", "DIR", recursive: true);

    public static readonly Option<string?> SocketDir = Text("--socket-dir", "Folder with the agent's sockets. Default: the state directory; /run/netbird-agent for the system's service.", "DIR", recursive: true);

    public static readonly Option<string?> Profile = WithProfileName(Text("--profile", "A named set of state beside the default one, for a second account. Default: what 'profile use' chose.", "NAME", recursive: true));

    public static Option<string?> ManagementUrl() => Text("--management-url", "The control plane. Kept, so it is named once.", "URL");

    public static Option<bool> Json() => Flag("--json", "Print the result as JSON.");

    /// <summary>A text option whose default is NETBIRD_AGENT_ and its name in capitals.</summary>
    public static Option<string?> Text(string name, string description, string help, bool recursive = false)
    {
        var variable = VariableOf(name);
        return new Option<string?>(name)
        {
            Description = $"{description} [{variable}]",
            HelpName = help,
            Recursive = recursive,
            DefaultValueFactory = _ => Environment.GetEnvironmentVariable(variable) is { Length: > 0 } value ? value : null,
        };
    }

    /// <summary>A switch that an environment variable of 1 or true also sets.</summary>
    public static Option<bool> Flag(string name, string description)
    {
        var variable = VariableOf(name);
        return new Option<bool>(name)
        {
            Description = $"{description}",
            DefaultValueFactory = _ => Environment.GetEnvironmentVariable(variable) is "1" or "true",
        };
    }

    private static Option<string?> WithProfileName(Option<string?> option)
    {
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string?>() is { Length: > 0 } name && name != Profiles.Default && !Profiles.IsName(name))
            {
                result.AddError(Profiles.NoName(name));
            }
        });
        return option;
    }

    private static string VariableOf(string name) => "NETBIRD_AGENT_" + name.TrimStart('-').Replace('-', '_').ToUpperInvariant();
}
