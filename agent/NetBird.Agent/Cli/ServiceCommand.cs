using System.CommandLine;
using NetBird.Agent.Service;
using NetBird.Protocol.Daemon.V1;

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
              netbird-agent up --management-url https://netbird.example.com      as the person it was installed for
            """);
        var owner = OwnerOption.Build();
        var install = Action("install", "Install the service, start it now and at every boot.",
            (parsed, token) => SystemdService.InstallAsync(OwnerOption.Read(parsed.GetValue(owner)), token));
        install.Add(owner);
        command.Add(install);
        command.Add(Action("uninstall", "Stop the service and remove it; the state stays.", (_, token) => SystemdService.UninstallAsync(token)));
        command.Add(Action("start", "Start the service.", (_, token) => SystemdService.ControlAsync("start", token)));
        command.Add(Action("stop", "Stop the service.", (_, token) => SystemdService.ControlAsync("stop", token)));
        command.Add(Action("status", "What the service manager says of it.", (_, token) => SystemdService.ControlAsync("status", token)));
        command.Add(BuildRun());
        return command;
    }

    private static Command Action(string name, string description, Func<ParseResult, CancellationToken, Task<ServiceOutcome>> act)
    {
        var command = new Command(name, description);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var outcome = await act(parsed, cancellationToken).ConfigureAwait(false);
            if (outcome.ExitCode != ExitCode.Done)
            {
                return Terminal.Fail(outcome.Message, outcome.ExitCode);
            }

            Terminal.Result.WriteLine(Fitted.ToTerminal(outcome.Message));
            return outcome.ExitCode;
        });
        return command;
    }

    private static Command BuildRun()
    {
        var detached = new Option<bool>("--detached") { Hidden = true };
        var command = new Command("run", "Run the daemon in this process; what the service's unit starts.") { detached };
        var owner = OwnerOption.Build();
        var managementUrl = CommonOptions.ManagementUrl();
        var setupKeyFile = CommonOptions.Text("--setup-key-file", "Enrol with the setup key in this file, as soon as it goes. Without the file nothing happens.", "FILE");
        command.Add(owner);
        command.Add(managementUrl);
        command.Add(setupKeyFile);
        var place = new PlaceOptions();
        place.AddEndpoints(command);
        place.AddTunnel(command);
        command.SetAction((parsed, cancellationToken) =>
        {
            var state = StateDirOf.Parse(parsed);
            DaemonPrivileges.Reduce(state);
            var endsWithDown = parsed.GetValue(detached);
            Func<CancellationToken, Task<int>>? enrol = parsed.GetValue(setupKeyFile) is { Length: > 0 } file && !endsWithDown
                ? stop => MachineEnrolment.RunAsync(state, file, Request, stop)
                : null;
            var served = OwnerOption.Read(parsed.GetValue(owner));
            return OperatingSystem.IsWindows() && WindowsService.IsOne
                ? Task.FromResult(WindowsService.Run(RunAsync))
                : RunAsync(cancellationToken);

            UpRequest Request(string key)
            {
                var request = new UpRequest { SetupKey = key, ManagementUrl = parsed.GetValue(managementUrl) ?? "" };
                place.ReadEndpoints(parsed, request);
                place.ReadTunnel(parsed, request);
                return request;
            }

            Task<int> RunAsync(CancellationToken stop) => DaemonHost.RunAsync(state, endsWithDown, endsWithDown, served, enrol, stop);
        });
        return command;
    }
}
