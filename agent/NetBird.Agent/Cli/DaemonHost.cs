using System.Runtime.InteropServices;
using Microsoft.Extensions.Hosting.Systemd;
using Microsoft.Extensions.Logging;
using NetBird.Agent.Lifecycle;
using NetBird.Agent.Store;
using NetBird.WireGuard.Linux;

namespace NetBird.Agent.Cli;

/// <summary>Runs the daemon in this process until a signal ends it.</summary>
internal static class DaemonHost
{
    /// <summary>How the words begin with which a daemon leaves the state directory to the one that has it.</summary>
    public const string AnotherRuns = "Another agent already runs";

    /// <param name="detached">Started by <c>up</c>: the terminal's signals are not for it.</param>
    /// <param name="endsWithDown">Whether <c>down</c> ends it: where no service manager keeps it.</param>
    /// <param name="owner">Whom a service of the system serves; null keeps what the state has.</param>
    /// <param name="whenReady">Runs beside the daemon once the CLI can connect; a nonzero code ends it.</param>
    public static async Task<int> RunAsync(
        StateDirectory state, bool detached, bool endsWithDown, AccountId? owner, Func<CancellationToken, Task<int>>? whenReady, CancellationToken cancellationToken)
    {
        ProcessHardening.Apply();
        try
        {
            state.Prepare();
            using var instance = await InstanceLock.TryTakeAsync(state, TimeProvider.System, cancellationToken).ConfigureAwait(false);
            if (instance is null)
            {
                return Terminal.Fail($"{AnotherRuns} on {state.Path}. See: netbird-agent status --state-dir {state.Path}", ExitCode.Failed);
            }

            return await RunLockedAsync(state, instance, detached, endsWithDown, owner, whenReady, cancellationToken).ConfigureAwait(false);
        }
        catch (StateDirectoryException e)
        {
            return Terminal.Fail(e.Message, ExitCode.Failed);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Terminal.Fail($"The agent cannot use its state in {state.Path}: {e.Message}", ExitCode.Failed);
        }
    }

    private static async Task<int> RunLockedAsync(
        StateDirectory state, InstanceLock instance, bool detached, bool endsWithDown, AccountId? owner, Func<CancellationToken, Task<int>>? whenReady,
        CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => End(context, stop));
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => End(context, detached ? null : stop));
        using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context => End(context, detached ? null : stop));
        var exitCode = ExitCode.Done;
        var beside = Task.CompletedTask;
        var daemon = new AgentDaemon(state, instance, endsWithDown, owner, TimeProvider.System, logging => Configure(logging, state));
        await using (daemon.ConfigureAwait(false))
        {
            await daemon.RunAsync(
                () =>
                {
                    beside = BesideAsync();
                    return Task.CompletedTask;
                },
                stop.Token).ConfigureAwait(false);
            await beside.ConfigureAwait(false);
        }

        return exitCode;

        async Task BesideAsync()
        {
            if (whenReady is not null && await whenReady(stop.Token).ConfigureAwait(false) is var code and not ExitCode.Done)
            {
                exitCode = code;
                await stop.CancelAsync().ConfigureAwait(false);
            }
        }
    }

    private static void End(PosixSignalContext context, CancellationTokenSource? stop)
    {
        context.Cancel = true;
        stop?.Cancel();
    }

    private static void Configure(ILoggingBuilder logging, StateDirectory state)
    {
        var level = Enum.TryParse<LogLevel>(Environment.GetEnvironmentVariable("NETBIRD_AGENT_LOG_LEVEL"), ignoreCase: true, out var wanted)
            ? wanted
            : LogLevel.Information;
        logging.SetMinimumLevel(level);
        if (level > LogLevel.Debug)
        {
            // The framework's own lines name requests and connections, not what a person can act on.
            logging.AddFilter("Microsoft", LogLevel.Warning).AddFilter("Grpc", LogLevel.Warning).AddFilter("Yarp", LogLevel.Warning);
        }

        logging.AddProvider(new RotatingLog(state, TimeProvider.System));
        if (SystemdHelpers.IsSystemdService())
        {
            logging.AddSystemdConsole();
        }
    }
}
