using System.CommandLine;
using System.Globalization;
using NetBird.Agent.Diagnosis;

namespace NetBird.Agent.Cli;

/// <summary><c>debug bundle</c>.</summary>
internal static class DebugCommand
{
    public static Command Build()
    {
        var output = new Option<string?>("--output") { Description = "Where to write it. Default: here, named after the time.", HelpName = "FILE" };
        var bundle = new Command("bundle", "Collect logs, status and checks into one file, with every secret left out.") { output };
        bundle.SetAction(async (parsed, cancellationToken) =>
        {
            var state = StateDirOf.Parse(parsed);
            var time = TimeProvider.System;
            var file = parsed.GetValue(output) ?? string.Create(CultureInfo.InvariantCulture, $"netbird-agent-debug-{time.GetLocalNow():yyyyMMdd-HHmmss}.tar.gz");
            string status;
            try
            {
                status = MessageJson.Format(await DaemonConnection.StatusAsync(state, cancellationToken).ConfigureAwait(false), indented: true);
            }
            catch (DaemonException e)
            {
                status = e.Message;
            }

            var checks = await new Examination(state).RunAsync(cancellationToken).ConfigureAwait(false);
            await DebugBundle.WriteAsync(state, file, status, checks, time, cancellationToken).ConfigureAwait(false);
            Terminal.Result.WriteLine(Path.GetFullPath(file));
            return ExitCode.Done;
        });
        return new Command("debug", "For whoever helps.") { bundle };
    }
}
