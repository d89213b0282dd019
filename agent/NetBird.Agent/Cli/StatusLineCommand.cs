using System.Net.Sockets;
using System.Text;
using NetBird.Agent.Store;

namespace NetBird.Agent.Cli;

/// <summary>
/// <c>statusline</c>, outside the command parser: Claude Code runs it at every prompt and it has 50 ms, most of which
/// the runtime's start takes. Reads one line from a socket and prints it.
/// </summary>
internal static class StatusLineCommand
{
    public static int Run(string[] args)
    {
        var line = Ask(StateOf(args).StatusLineSocket) ?? "netbird: not running\n";
        using var output = Console.OpenStandardOutput();
        output.Write(Encoding.UTF8.GetBytes(line));
        return ExitCode.Done;
    }

    private static string? Ask(string path)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = 1000 };
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            var buffer = new byte[1024];
            var length = 0;
            while (length < buffer.Length && socket.Receive(buffer, length, buffer.Length - length, SocketFlags.None) is var read and > 0)
            {
                length += read;
            }

            return length == 0 ? null : Encoding.UTF8.GetString(buffer, 0, length);
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            return null;
        }
    }

    /// <summary>The three options that say where the daemon is, without the parser; each with its variable, as everywhere.</summary>
    private static StateDirectory StateOf(string[] args)
        => StateDirectory.At(
            Option(args, "--state-dir", "NETBIRD_AGENT_STATE_DIR"),
            Option(args, "--profile", "NETBIRD_AGENT_PROFILE"),
            Option(args, "--socket-dir", "NETBIRD_AGENT_SOCKET_DIR"));

    private static string? Option(string[] args, string name, string variable)
    {
        for (var i = 1; i < args.Length; i++)
        {
            if (args[i] == name && i + 1 < args.Length)
            {
                return args[i + 1];
            }

            if (args[i].StartsWith(name, StringComparison.Ordinal) && args[i].Length > name.Length && args[i][name.Length] == '=')
            {
                return args[i][(name.Length + 1)..];
            }
        }

        return Environment.GetEnvironmentVariable(variable);
    }
}
