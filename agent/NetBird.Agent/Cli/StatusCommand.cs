using System.CommandLine;
using NetBird.Protocol.Daemon.V1;

namespace NetBird.Agent.Cli;

/// <summary><c>status</c>: everything the daemon knows of itself.</summary>
internal static class StatusCommand
{
    public static Command Build()
    {
        var json = CommonOptions.Json();
        var detail = CommonOptions.Flag("--detail", "Keys, gateways and byte counts as well.");
        var watch = CommonOptions.Flag("--watch", "Follow it until Ctrl-C: on a terminal in place, elsewhere again at every change; with --json one line each.");
        var command = new Command("status",
            """
            Show the login, the tunnel, the endpoint and what is left of the budget.
            Exit code 0 when connected or degraded, 3 when not, 4 when a login is needed.
            Degraded may mean that no gateway answers: a script that needs requests to pass asks doctor, which then exits with 1.

            Examples:
              netbird-agent status
              netbird-agent status --json | jq -r .state
            """)
        {
            json, detail, watch,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var state = StateDirOf.Parse(parsed);
            if (parsed.GetValue(watch))
            {
                return await DaemonConnection.AskAsync(state, client => StatusWatch.RunAsync(client, parsed.GetValue(json), parsed.GetValue(detail), cancellationToken)).ConfigureAwait(false);
            }

            var status = await DaemonConnection.StatusAsync(state, cancellationToken).ConfigureAwait(false);
            Terminal.Result.WriteLine(parsed.GetValue(json) ? MessageJson.Format(status, indented: true) : StatusText.Format(status, parsed.GetValue(detail), TimeProvider.System.GetUtcNow(), Terminal.Paint));
            return ExitCodeOf(status);
        });
        return command;
    }

    internal static int ExitCodeOf(StatusReply status) => status.State switch
    {
        "connected" or "degraded" => ExitCode.Done,
        "logged_out" or "login_needed" => ExitCode.LoginNeeded,
        _ => ExitCode.NotRunning,
    };
}
