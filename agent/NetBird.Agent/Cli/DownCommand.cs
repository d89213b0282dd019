using System.CommandLine;
using NetBird.Agent.Store;
using NetBird.Protocol.Daemon.V1;

namespace NetBird.Agent.Cli;

/// <summary><c>down</c> and <c>logout</c>.</summary>
internal static class DownCommand
{
    private const string Nobody = "Nobody is logged in here.";

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(15);

    public static Command BuildDown()
    {
        var command = new Command("down", "Take the tunnel down. A daemon that 'up' started ends; a service stays and answers 'run netbird-agent up'.");
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var state = StateDirOf.Parse(parsed);
            if (!await AnswersAsync(state, cancellationToken).ConfigureAwait(false))
            {
                // What was asked for is so, and a script that tidies up has nothing to mend.
                Terminal.Result.WriteLine("The tunnel is down: the agent is not running.");
                return ExitCode.Done;
            }

            var reply = await DaemonConnection.AskAsync(state, async client =>
                await client.DownAsync(new DownRequest(), deadline: In(Deadline), cancellationToken: cancellationToken)).ConfigureAwait(false);
            if (reply.DaemonEnds)
            {
                await UntilEndedAsync(state, cancellationToken).ConfigureAwait(false);
            }

            Terminal.Result.WriteLine("The tunnel is down.");
            return ExitCode.Done;
        });
        return command;
    }

    public static Command BuildLogout()
    {
        var command = new Command("logout", "Revoke the login at the identity provider and remove this machine from the account.");
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var state = StateDirOf.Parse(parsed);
            var wasRunning = DaemonConnection.IsRunning(state);
            if (!wasRunning && !File.Exists(state.DatabaseFile))
            {
                Terminal.Result.WriteLine(Nobody);
                return ExitCode.Done;
            }

            // Its daemon knows how to leave; after 'down' there is none.
            await DaemonLauncher.EnsureRunningAsync(state, TimeProvider.System, cancellationToken).ConfigureAwait(false);
            var reply = await DaemonConnection.AskAsync(state, async client =>
                await client.LogoutAsync(new LogoutRequest(), deadline: In(TimeSpan.FromSeconds(40)), cancellationToken: cancellationToken)).ConfigureAwait(false);
            if (!wasRunning)
            {
                await DaemonConnection.AskAsync(state, async client =>
                    await client.StopAsync(new StopRequest(), deadline: In(Deadline), cancellationToken: cancellationToken)).ConfigureAwait(false);
                await UntilEndedAsync(state, cancellationToken).ConfigureAwait(false);
            }

            Terminal.Result.WriteLine(reply.NobodyWas ? Nobody : "Logged out.");
            if (reply.LeftBehind.Length != 0)
            {
                Terminal.Message.WriteLine(Fitted.Message(reply.LeftBehind));
            }

            return ExitCode.Done;
        });
        return command;
    }

    /// <summary>Whether a daemon can be asked; one that starts at this moment, for an 'up' that was interrupted say, is waited for.</summary>
    private static async Task<bool> AnswersAsync(StateDirectory state, CancellationToken cancellationToken)
    {
        var asked = TimeProvider.System.GetTimestamp();
        while (!DaemonConnection.IsRunning(state))
        {
            if (!InstanceLock.IsHeld(state) || TimeProvider.System.GetElapsedTime(asked) > Deadline)
            {
                return false;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, cancellationToken).ConfigureAwait(false);
        }

        return true;
    }

    private static async Task UntilEndedAsync(StateDirectory state, CancellationToken cancellationToken)
    {
        var asked = TimeProvider.System.GetTimestamp();
        while (InstanceLock.IsHeld(state) && TimeProvider.System.GetElapsedTime(asked) < Deadline)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, cancellationToken).ConfigureAwait(false);
        }
    }

    internal static DateTime In(TimeSpan patience) => (TimeProvider.System.GetUtcNow() + patience).UtcDateTime;
}
