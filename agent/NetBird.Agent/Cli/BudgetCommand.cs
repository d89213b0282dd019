using System.CommandLine;
using NetBird.Protocol.Daemon.V1;

namespace NetBird.Agent.Cli;

/// <summary><c>budget</c> and <c>usage</c>: the person's own figures.</summary>
internal static class BudgetCommand
{
    public static Command BuildBudget() => Build(
        "budget", "Show every cap that applies to you, what is used of it and when something frees up.");

    public static Command BuildUsage() => Build(
        "usage", "Show your own requests, tokens and cost of the last day and the last 30 days.");

    /// <summary>What the command prints.</summary>
    internal static string Format(string command, BudgetReply reply, bool json, DateTimeOffset now)
        => json ? MessageJson.Format(reply, indented: true) : command == "budget" ? BudgetText.Caps(reply, now) : BudgetText.Usage(reply, now);

    private static Command Build(string name, string description)
    {
        var json = CommonOptions.Json();
        var command = new Command(name, description) { json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var reply = await DaemonConnection.AskAsync(StateDirOf.Parse(parsed), async client => await client.GetBudgetAsync(
                new GetBudgetRequest(), deadline: DownCommand.In(TimeSpan.FromSeconds(5)), cancellationToken: cancellationToken)).ConfigureAwait(false);
            Terminal.Result.WriteLine(Format(name, reply, parsed.GetValue(json), TimeProvider.System.GetUtcNow()));
            return ExitCode.Done;
        });
        return command;
    }
}
