using System.Diagnostics;
using System.Globalization;
using NetBird.Agent.Service;
using NetBird.Agent.Store;

namespace NetBird.Agent.Cli;

/// <summary>Starts a daemon that outlives the terminal.</summary>
internal static class DaemonLauncher
{
    /// <summary>Ours: a start takes a quarter second; on a machine that does much else it was seen to take more than ten.</summary>
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(30);

    /// <summary>Makes sure that a daemon runs.</summary>
    /// <exception cref="DaemonException">It does not start; the words are its own.</exception>
    public static async Task EnsureRunningAsync(StateDirectory state, TimeProvider time, CancellationToken cancellationToken)
    {
        if (DaemonConnection.IsRunning(state))
        {
            return;
        }

        try
        {
            state.Prepare();
        }
        catch (StateDirectoryException e)
        {
            throw new DaemonException(e.Message, ExitCode.Failed);
        }

        // Of this command alone: another 'up' at the same moment reads what its own start says.
        var errors = Path.Combine(state.Path, string.Create(CultureInfo.InvariantCulture, $"start.{Environment.ProcessId}.err"));
        try
        {
            await StartAsync(state, errors, time, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            File.Delete(errors);
        }
    }

    private static async Task StartAsync(StateDirectory state, string errors, TimeProvider time, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var starting = false;
        while (time.GetElapsedTime(started) < StartPatience)
        {
            if (DaemonConnection.IsRunning(state))
            {
                return;
            }

            // Whoever has the lock starts at this moment, and answers soon, or ends, and frees it. One more beside it would only wait to
            // be left over.
            if (!starting && !InstanceLock.IsHeld(state))
            {
                PrivateFile.Touch(errors);
                await File.WriteAllTextAsync(errors, "", cancellationToken).ConfigureAwait(false);
                Start(state, errors).Dispose();
                starting = true;
            }

            var said = starting ? await File.ReadAllTextAsync(errors, cancellationToken).ConfigureAwait(false) : "";
            if (said.StartsWith(DaemonHost.AnotherRuns, StringComparison.Ordinal))
            {
                starting = false;
            }
            else if (said.EndsWith('\n'))
            {
                throw new DaemonException("The agent does not start. " + said.Trim(), ExitCode.Failed);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), time, cancellationToken).ConfigureAwait(false);
        }

        throw new DaemonException($"The agent did not start within {StartPatience.TotalSeconds:0} s. See {state.LogFile}", ExitCode.Failed);
    }

    /// <summary>
    /// By way of a shell, which detaches the three standard streams: .NET can only redirect them to pipes, and those
    /// break when this process ends. The daemon itself ignores the terminal's signals.
    /// </summary>
    private static Process Start(StateDirectory state, string errors)
    {
        var start = new ProcessStartInfo { UseShellExecute = false, WorkingDirectory = "/" };
        if (OperatingSystem.IsWindows())
        {
            start.FileName = Environment.ProcessPath!;
            start.CreateNoWindow = true;
            start.WorkingDirectory = state.Path;
            foreach (var argument in Arguments(state))
            {
                start.ArgumentList.Add(argument);
            }
        }
        else
        {
            start.FileName = "/bin/sh";
            start.ArgumentList.Add("-c");
            start.ArgumentList.Add("err=$1; shift; if command -v setsid >/dev/null 2>&1; then set -- setsid \"$@\"; fi; \"$@\" </dev/null >/dev/null 2>\"$err\" &");
            start.ArgumentList.Add("sh");
            start.ArgumentList.Add(errors);
            start.ArgumentList.Add(Environment.ProcessPath!);
            foreach (var argument in Arguments(state))
            {
                start.ArgumentList.Add(argument);
            }
        }

        // A setup key in our environment is for the login that follows, not for a process that stays.
        start.Environment.Remove("NETBIRD_AGENT_SETUP_KEY");
        return DaemonPrivileges.Starting(state, () => Process.Start(start)) ?? throw new DaemonException("The agent could not be started.", ExitCode.Failed);
    }

    private static string[] Arguments(StateDirectory state) => ["service", "run", "--detached", "--state-dir", state.Path, .. state.SocketPath == state.Path ? Array.Empty<string>() : ["--socket-dir", state.SocketPath]];
}
