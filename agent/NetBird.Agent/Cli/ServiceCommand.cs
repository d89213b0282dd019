using System.CommandLine;
using NetBird.Agent.Service;

namespace NetBird.Agent.Cli;

/// <summary><c>service</c>: the daemon as the system's service.</summary>
internal static class ServiceCommand
{
    public static Command Build()
    {
        var command = new Command("service",
            """
            The agent as a service of this machine, started at boot.

            Examples:
              sudo netbird-agent service install
              sudo netbird-agent up --state-dir /var/lib/netbird-agent --management-url https://netbird.example.com
            """);
        command.Add(Action("install", "Install the service, start it now and at every boot.", SystemdService.InstallAsync));
        command.Add(Action("uninstall", "Stop the service and remove it; the state stays.", SystemdService.UninstallAsync));
        command.Add(Action("start", "Start the service.", token => SystemdService.ControlAsync("start", token)));
        command.Add(Action("stop", "Stop the service.", token => SystemdService.ControlAsync("stop", token)));
        command.Add(Action("status", "What the service manager says of it.", token => SystemdService.ControlAsync("status", token)));
        command.Add(BuildRun());
        return command;
    }

    private static Command Action(string name, string description, Func<CancellationToken, Task<ServiceOutcome>> act)
    {
        var command = new Command(name, description);
        command.SetAction(async (_, cancellationToken) =>
        {
            var outcome = await act(cancellationToken).ConfigureAwait(false);
            (outcome.ExitCode == ExitCode.Done ? Terminal.Result : Terminal.Message).WriteLine(outcome.Message);
            return outcome.ExitCode;
        });
        return command;
    }

    private static Command BuildRun()
    {
        var detached = new Option<bool>("--detached") { Hidden = true };
        var command = new Command("run", "Run the daemon in this process; what the service's unit starts.") { detached };
        command.SetAction((parsed, cancellationToken) => DaemonHost.RunAsync(
            StateDirOf.Parse(parsed), parsed.GetValue(detached), whenReady: null, cancellationToken));
        return command;
    }
}
