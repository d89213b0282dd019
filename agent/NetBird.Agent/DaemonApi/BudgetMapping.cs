using NetBird.Agent.Lifecycle;
using NetBird.Protocol.Agent.V1;
using NetBird.Protocol.Daemon.V1;

namespace NetBird.Agent.DaemonApi;

/// <summary>The control plane's figures in the daemon's words.</summary>
internal static class BudgetMapping
{
    public static BudgetReply ToReply(BudgetFigures figures)
    {
        var reply = new BudgetReply
        {
            Day = ToSpend(figures.Reply.Day),
            Month = ToSpend(figures.Reply.Month),
            AsOf = figures.AsOf.ToUnixTimeSeconds(),
        };
        reply.Caps.AddRange(figures.Reply.Caps.Select(cap => new BudgetCap
        {
            Source = cap.Source,
            Scope = cap.Scope,
            Unit = cap.Unit,
            Used = cap.Used,
            Reserved = cap.Reserved,
            Limit = cap.Limit,
            WindowSeconds = cap.WindowSeconds,
            FreesUpAt = cap.FreesUpAt,
        }));
        return reply;
    }

    private static BudgetSpend ToSpend(Spend? spend) => spend is null ? new BudgetSpend() : new BudgetSpend
    {
        Requests = spend.Requests,
        InputTokens = spend.InputTokens,
        OutputTokens = spend.OutputTokens,
        CacheReadTokens = spend.CacheReadTokens,
        CacheWriteTokens = spend.CacheWriteTokens,
        CostNanoUsd = spend.CostNanoUsd,
        LastModel = spend.LastModel,
    };
}
