using System.CommandLine;
using NetBird.CommandLine;
using NetBird.ControlPlane.AdminApi;
using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Tokens;

namespace NetBird.ControlPlane.Cli;

/// <summary>
/// How a verb finds the control plane: the one that runs on this machine, by its state directory, or any other by URL
/// and a file with a token. A token is never an argument: arguments are visible to every user of the machine.
/// </summary>
internal sealed class Connection
{
    /// <summary>Variables that name a control plane, without the prefix.</summary>
    public static readonly string[] Variables = ["STATE_DIR", "URL", "TOKEN_FILE"];

    private readonly Option<string?> _stateDirectory = new("--state-dir")
    {
        Description = "State directory of the control plane that runs here. [NETBIRD_CP_STATE_DIR]",
        HelpName = "DIR",
    };

    private readonly Option<string?> _url = new("--url")
    {
        Description = "A control plane elsewhere; needs --token-file. [NETBIRD_CP_URL]",
        HelpName = "URL",
    };

    private readonly Option<string?> _tokenFile = new("--token-file")
    {
        Description = "File with a personal access token. Default: admin-token in the state directory. [NETBIRD_CP_TOKEN_FILE]",
        HelpName = "FILE",
    };

    public void AddTo(Command command)
    {
        command.Add(_stateDirectory);
        command.Add(_url);
        command.Add(_tokenFile);
    }

    /// <summary>The state directory asked for, or the default.</summary>
    public string StateDirectoryOf(ParseResult parsed)
        => parsed.GetValue(_stateDirectory) ?? Variable("STATE_DIR") ?? StateDirectory.Default();

    /// <exception cref="CliException">It cannot be told where it is or who we are.</exception>
    public AdminClient Open(ParseResult parsed)
    {
        var state = StateDirectoryOf(parsed);
        var url = (parsed.GetValue(_url) ?? Variable("URL")) is { } text
            ? Uri.TryCreate(text, UriKind.Absolute, out var given) && given.Scheme is "http" or "https"
                ? given
                : throw new CliException($"--url is an http:// or https:// URL, not '{text}'.", ExitCode.WrongUsage)
            : ServeFile.Read(state) ?? throw new CliException(
                $"No control plane runs with the state directory {state}. Start it with 'netbird-controlplane serve', or name another with --state-dir or --url.",
                ExitCode.NotRunning);
        var file = parsed.GetValue(_tokenFile) ?? Variable("TOKEN_FILE") ?? Path.Combine(state, FirstToken.FileName);
        if (url is { Scheme: "http", IsLoopback: false })
        {
            throw new CliException("Plain http:// would show the token to the network; use https://.", ExitCode.WrongUsage);
        }

        try
        {
            return new(url, File.ReadAllText(file).Trim());
        }
        catch (Exception fault) when (fault is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CliException($"There is no token in {file}. Name another file with --token-file.", ExitCode.LoginNeeded);
        }
        catch (UnauthorizedAccessException)
        {
            throw new CliException($"{file} may not be read by this user.", ExitCode.NotPermitted);
        }
    }

    private static string? Variable(string name)
        => Environment.GetEnvironmentVariable("NETBIRD_CP_" + name) is { Length: > 0 } value ? value : null;
}
