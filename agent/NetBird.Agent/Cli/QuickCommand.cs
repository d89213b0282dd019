using System.Globalization;
using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Text;
using NetBird.Agent.DaemonApi;
using NetBird.Agent.Store;
using NetBird.WireGuard.Linux;

namespace NetBird.Agent.Cli;

/// <summary>
/// The commands that only ask the daemon, outside the command parser: most of their time is the runtime's own start, so
/// nothing else is loaded for them. They pass their words on and print what comes back. Whatever is not plainly one of
/// them, such as a switch that is not known here, is left to the parser.
/// </summary>
internal static class QuickCommand
{
    /// <summary>Ours: a status with a hundred gateways is a third of it.</summary>
    private const int LongestAnswerBytes = 64 * 1024;

    /// <summary>Ours: a second more than the daemon takes to say that it cannot tell.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(6);

    /// <summary>Ours: the line comes from the daemon's memory, and a prompt waits for it.</summary>
    private static readonly TimeSpan PatienceOfAPrompt = TimeSpan.FromSeconds(2);

    private static readonly Dictionary<string, string[]> Known = new()
    {
        ["statusline"] = [],
        ["status"] = ["--json", "--detail"],
        ["budget"] = ["--json"],
        ["usage"] = ["--json"],
    };

    /// <summary>The exit code; null when the parser is to take over.</summary>
    public static int? TryRun(string[] args)
    {
        if (args is not [var command, ..] || !Known.TryGetValue(command, out var switches))
        {
            return null;
        }

        var question = command;
        string? stateDir = Variable("STATE_DIR"), socketDir = Variable("SOCKET_DIR"), profile = Variable("PROFILE");
        for (var i = 1; i < args.Length; i++)
        {
            var (name, value) = args[i].IndexOf('=', StringComparison.Ordinal) is var at and > 0 ? (args[i][..at], args[i][(at + 1)..]) : (args[i], null);
            if (value is null && switches.Contains(name))
            {
                question += " " + name;
                continue;
            }

            if (name is not ("--state-dir" or "--socket-dir" or "--profile") || (value ?? (++i < args.Length ? args[i] : null)) is not { Length: > 0 } given)
            {
                return command == "statusline" && name is not ("--help" or "-h" or "-?") ? Says($"netbird: '{name}' is no option of statusline") : null;
            }

            (stateDir, socketDir, profile) = name switch
            {
                "--state-dir" => (given, socketDir, profile),
                "--socket-dir" => (stateDir, given, profile),
                _ => (stateDir, socketDir, given),
            };
        }

        if (profile is { Length: > 0 } && profile != Profiles.Default && !Profiles.IsName(profile))
        {
            return command == "statusline" ? NotRunning() : null;
        }

        // Switches by variable, as every option has one.
        foreach (var name in switches)
        {
            question += Variable(name[2..].ToUpperInvariant()) is "1" or "true" ? " " + name : "";
        }

        var answer = Ask(
            StateDirectory.At(stateDir, profile, socketDir).QuickSocket, question + (Terminal.ColourResult ? " --colour\n" : "\n"),
            command == "statusline" ? PatienceOfAPrompt : Patience);
        return answer is not null ? Print(answer, fit: question is not "statusline" && !question.Contains("--json", StringComparison.Ordinal)) : command == "statusline" ? NotRunning() : null;
    }

    private static string? Variable(string name) => Environment.GetEnvironmentVariable("NETBIRD_AGENT_" + name);

    /// <summary>Claude Code shows the line whatever the exit code, so words alone say it.</summary>
    private static int NotRunning() => Says("netbird: not running");

    private static int Says(string line)
    {
        return Write(line + "\n", toError: false) ? ExitCode.Done : ExitCode.Failed;
    }

    private static int? Print(string answer, bool fit)
    {
        var end = answer.IndexOf('\n', StringComparison.Ordinal);
        if (end < 0 || !int.TryParse(answer.AsSpan(0, end), NumberStyles.None, CultureInfo.InvariantCulture, out var code))
        {
            return null;
        }

        // A sentence in place of a result is a message; a status is a result whatever its code.
        return Write(fit ? Fitted.ToTerminal(answer[(end + 1)..]) : answer[(end + 1)..], toError: code != ExitCode.Done && !answer.AsSpan(end + 1).TrimStart().StartsWith('{') && !answer.AsSpan(end + 1).StartsWith("Agent:")) ? code : ExitCode.Failed;
    }

    private static bool Write(string text, bool toError)
    {
        try
        {
            using var output = toError ? Console.OpenStandardError() : Console.OpenStandardOutput();
            output.Write(Encoding.UTF8.GetBytes(text));
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Terminal.Fail("The answer cannot be written: " + (e.InnerException ?? e).Message, ExitCode.Failed);
            return false;
        }
    }

    private static string? Ask(string path, string question, TimeSpan patience)
    {
        var answer = OperatingSystem.IsLinux()
            ? LocalQuestion.Ask(path, Encoding.ASCII.GetBytes(question), LongestAnswerBytes, patience)
            : OperatingSystem.IsWindows() ? AskByPipe(path, question, patience)
            : AskBySocket(path, question, patience);
        return answer is null ? null : Encoding.UTF8.GetString(answer);
    }

    [SupportedOSPlatform("windows")]
    private static byte[]? AskByPipe(string path, string question, TimeSpan wait)
    {
        try
        {
            using var pipe = LocalPipe.TryConnect(path);
            if (pipe is null)
            {
                return null;
            }

            pipe.Write(Encoding.ASCII.GetBytes(question));
            using var patience = new CancellationTokenSource(wait, TimeProvider.System);
            var answer = new MemoryStream();
            var buffer = new byte[LongestAnswerBytes];
            while (answer.Length < LongestAnswerBytes
                && pipe.ReadAsync(buffer, patience.Token).AsTask().GetAwaiter().GetResult() is var read and > 0)
            {
                // A zero ends the answer.
                var end = buffer.AsSpan(0, read).IndexOf((byte)0);
                answer.Write(buffer, 0, end < 0 ? read : end);
                if (end >= 0)
                {
                    break;
                }
            }

            return answer.Length == 0 ? null : answer.ToArray();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or OperationCanceledException)
        {
            return null;
        }
    }

    private static byte[]? AskBySocket(string path, string question, TimeSpan patience)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = (int)patience.TotalMilliseconds };
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            socket.Send(Encoding.ASCII.GetBytes(question));
            var buffer = new byte[LongestAnswerBytes];
            var length = 0;
            while (length < buffer.Length && socket.Receive(buffer, length, buffer.Length - length, SocketFlags.None) is var read and > 0)
            {
                length += read;
            }

            return length == 0 ? null : buffer[..length];
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            return null;
        }
    }
}
