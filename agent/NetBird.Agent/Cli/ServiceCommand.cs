using System.CommandLine;

namespace NetBird.Agent.Cli;

/// <summary><c>service</c>: the daemon as the system's service.</summary>
internal static class ServiceCommand
{
    public static Command Build()
    {
        var command = new Command("service", "The agent as a service of this machine.");
        command.Add(BuildRun());
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
