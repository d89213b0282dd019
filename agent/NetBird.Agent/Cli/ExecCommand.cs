using System.ComponentModel;
using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using NetBird.Agent.ClaudeCode;

namespace NetBird.Agent.Cli;

/// <summary><c>exec</c>: a command that reaches Claude through the agent, with nothing set up.</summary>
internal static class ExecCommand
{
    public const string Name = "exec";

    /// <summary>What a shell answers for a command that is not there, and one that cannot be run (POSIX 2.8.2).</summary>
    private const int NotFound = 127;
    private const int NotRunnable = 126;

    // errno.h, and winerror.h for the first.
    private const int NoEntry = 2;
    private const int NoFormat = 8;
    private const int NoAccess = 13;

    /// <summary>Ours: what a command has to end in once it was asked to; contracts.md gives the two of us 5 s.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(4);

    public static Command Build()
    {
        var socket = new Option<bool>("--socket") { Description = "Go through the unix socket, which no other account can open." };
        var words = new Argument<string[]>("COMMAND") { Arity = ArgumentArity.OneOrMore, Description = "The command and its arguments, after --." };
        var command = new Command(Name,
            """
            Run a command with Claude Code's variables set to this agent's endpoint. Its exit code is passed on, 127 where there is no such command and 126 where it cannot be run; 3 when the agent is not connected.

            Example:
              netbird-agent exec -- claude -p "What does this repository do?"
            """)
        {
            socket, words,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var state = StateDirOf.Parse(parsed);
            var status = await DaemonConnection.StatusAsync(state, cancellationToken).ConfigureAwait(false);
            if (status.State is not ("connected" or "degraded") || status.EndpointUrl.Length == 0)
            {
                return Terminal.Fail(status.Reason.Length != 0 ? status.Reason : "The agent is not connected yet. See: netbird-agent status",
                    status.State is "logged_out" or "login_needed" ? ExitCode.LoginNeeded : ExitCode.NotRunning);
            }

            if (parsed.GetValue(socket) && status.EndpointSocket.Length == 0)
            {
                return Terminal.Fail("The agent has no unix socket on this system.", ExitCode.Failed);
            }

            return await RunAsync(parsed.GetValue(words)!, status.EndpointUrl, parsed.GetValue(socket) ? status.EndpointSocket : null).ConfigureAwait(false);
        });
        return command;
    }

    private static async Task<int> RunAsync(string[] words, string endpoint, string? socket)
    {
        if (words[0].Length == 0 || Directory.Exists(words[0]))
        {
            return words[0].Length == 0 ? Terminal.Fail("Name a command.", ExitCode.WrongUsage) : Terminal.Fail($"'{words[0]}' cannot be run: it is a folder.", NotRunnable);
        }

        var start = new ProcessStartInfo(words[0]) { UseShellExecute = false };
        foreach (var word in words.Skip(1))
        {
            start.ArgumentList.Add(word);
        }

        ClaudeEnvironment.Apply(start.Environment, endpoint, socket);

        // The terminal sends these to the command as well; it decides what they mean, and we pass its answer on.
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, static context => context.Cancel = true);
        using var quit = PosixSignalRegistration.Create(PosixSignal.SIGQUIT, static context => context.Cancel = true);
        Process child;
        try
        {
            child = Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            // The framework's own words name our working directory, which is not what is missing.
            return e.NativeErrorCode switch
            {
                NoEntry => Terminal.Fail($"'{words[0]}' cannot be run: there is no such program.", NotFound),
                NoAccess => Terminal.Fail($"'{words[0]}' cannot be run: it is not executable for this account.", NotRunnable),
                NoFormat when !OperatingSystem.IsWindows() => Terminal.Fail($"'{words[0]}' cannot be run: it is no program, and names none in a first line with #!.", NotRunnable),
                _ => Terminal.Fail($"'{words[0]}' cannot be run: {e.Message}", NotRunnable),
            };
        }

        using (child)
        {
            var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => PassOn(context, "TERM"));
            using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context => PassOn(context, "HUP"));
            var ended = child.WaitForExitAsync(CancellationToken.None);
            if (await Task.WhenAny(ended, asked.Task).ConfigureAwait(false) != ended
                && await Task.WhenAny(ended, Task.Delay(Patience, TimeProvider.System, CancellationToken.None)).ConfigureAwait(false) != ended)
            {
                Kill(child);
            }

            await ended.ConfigureAwait(false);
            return child.ExitCode;

            void PassOn(PosixSignalContext context, string signal)
            {
                context.Cancel = true;
                Send(child, signal);
                asked.TrySetResult();
            }
        }
    }

    /// <summary>By way of a shell, since .NET can only end a process by force.</summary>
    private static void Send(Process child, string signal)
    {
        if (OperatingSystem.IsWindows())
        {
            Kill(child);
            return;
        }

        Process.Start(new ProcessStartInfo("/bin/sh", ["-c", "kill -s \"$1\" \"$2\" 2>/dev/null", "sh", signal, child.Id.ToString(CultureInfo.InvariantCulture)]) { UseShellExecute = false })?.Dispose();
    }

    private static void Kill(Process child)
    {
        try
        {
            child.Kill(entireProcessTree: true);
        }
        catch (InvalidOperationException)
        {
            // It ended by itself.
        }
    }
}
