using System.Globalization;
using NetBird.Agent.Cli;
using NetBird.Agent.Lifecycle;
using NetBird.Agent.Lifecycle.States;
using NetBird.Protocol.Daemon.V1;

namespace NetBird.Agent.DaemonApi;

/// <summary>The words of <c>statusline</c>, <c>status</c>, <c>budget</c> and <c>usage</c>, made where the facts are.</summary>
internal sealed class QuickAnswers(AgentSupervisor supervisor, BudgetWatch budget, StatusComposer status, TimeProvider time)
{
    /// <summary>Ours: how long a status waits for fresher figures; what comes later is for the next one.</summary>
    private static readonly TimeSpan Wait = TimeSpan.FromMilliseconds(60);

    /// <param name="question">A command and its switches: "status --json --colour".</param>
    /// <returns>The exit code and the text.</returns>
    public async Task<(int Code, string Text)> AnswerAsync(string question, CancellationToken cancellationToken)
    {
        var words = question.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        bool Has(string word) => words.Contains(word, StringComparer.Ordinal);
        switch (words is [var command, ..] ? command : "")
        {
            case "statusline":
                return (ExitCode.Done, Line());
            case "status":
                await Task.WhenAny(budget.RefreshAsync(cancellationToken), Task.Delay(Wait, time, cancellationToken)).ConfigureAwait(false);
                var reply = status.Compose();
                return (StatusCommand.ExitCodeOf(reply), Has("--json")
                    ? MessageJson.Format(reply, indented: true)
                    : StatusText.Format(reply, Has("--detail"), time.GetUtcNow(), new Paint(Has("--colour"))));
            case "budget" or "usage":
                if (await budget.RefreshAsync(cancellationToken).ConfigureAwait(false) is not { } figures)
                {
                    var snapshot = supervisor.Snapshot;
                    return (snapshot.State == AgentState.LoggedOut || snapshot.State == AgentState.LoginNeeded ? ExitCode.LoginNeeded : ExitCode.NotRunning, BudgetWatch.NoFigures(snapshot));
                }

                return (ExitCode.Done, BudgetCommand.Format(words[0], BudgetMapping.ToReply(figures), Has("--json"), time.GetUtcNow()));
            default:
                return (ExitCode.WrongUsage, "This agent is older or newer than the command that asks it. Run: netbird-agent down; netbird-agent up");
        }
    }

    /// <summary>For the next question, once this one has its answer.</summary>
    public Task RefreshAsync(CancellationToken cancellationToken) => budget.RefreshAsync(cancellationToken);

    /// <summary>Who, model, spent, left in the tightest cap; or what is wrong. From memory: the refresh is for the next prompt.</summary>
    internal string Line()
    {
        var snapshot = supervisor.Snapshot;
        if (snapshot.Refusal is not null || (snapshot.State == AgentState.Degraded && !snapshot.Facts.GatewayAnswers))
        {
            return "netbird: " + snapshot.Reason;
        }

        var line = StatusLine.Compose(snapshot.Facts.Map?.UserName ?? "", budget.Last?.Reply);

        // Whoever works in Claude Code sees nothing else of us, and a login that ends stops that work.
        return snapshot.State == AgentState.Connected && snapshot.Why.Remedy is { Length: > 0 } remedy && snapshot.Facts.LoginExpiresAt is { } end
            ? string.Create(CultureInfo.InvariantCulture, $"{line} · login ends at {end.ToLocalTime():HH:mm}, run: {remedy}")
            : line;
    }
}
