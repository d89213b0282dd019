using System.ComponentModel;
using System.Diagnostics;
using System.CommandLine;
using System.Runtime.InteropServices;
using NetBird.Agent.ClaudeCode;

namespace NetBird.Agent.Cli;

/// <summary><c>exec</c>: a command that reaches Claude through the agent, with nothing set up.</summary>
internal static class ExecCommand
{
    /// <summary>What a shell answers for a command that is not there, and one that cannot be run (POSIX 2.8.2).</summary>
    private const int NotFound = 127;

    public static Command Build()
    {
        var socket = new Option<bool>("--socket") { Description = "Go through the unix socket, which no other account can open." };
        var words = new Argument<string[]>("COMMAND") { Arity = ArgumentArity.OneOrMore, Description = "The command and its arguments, after --." };
        var command = new Command("exec",
            """
            Run a command with Claude Code's variables set to this agent's endpoint. Its exit code is passed on; 3 when the agent is not connected.

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

            return await RunAsync(parsed.GetValue(words)!, status.EndpointUrl, parsed.GetValue(socket) ? status.EndpointSocket : null, cancellationToken).ConfigureAwait(false);
        });
        return command;
    }

    private static async Task<int> RunAsync(string[] words, string endpoint, string? socket, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(words[0]) { UseShellExecute = false };
        foreach (var word in words.Skip(1))
        {
            start.ArgumentList.Add(word);
        }

        ClaudeEnvironment.Apply(start.Environment, endpoint, socket);

        // The terminal sends Ctrl-C to the command as well; it decides what that means, and we pass its answer on.
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, static context => context.Cancel = true);
        Process child;
        try
        {
            child = Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            // ENOENT; the framework's own words name our working directory, which is not what is missing.
            return Terminal.Fail($"'{words[0]}' cannot be run: {(e.NativeErrorCode == 2 ? "there is no such program." : e.Message)}", NotFound);
        }

        using (child)
        {
            await using var ended = cancellationToken.Register(() => Terminate(child)).ConfigureAwait(false);
            await child.WaitForExitAsync(CancellationToken.None).ConfigureAwait(false);
            return child.ExitCode;
        }
    }

    private static void Terminate(Process child)
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
