using NetBird.Agent.Lifecycle;
using NetBird.Protocol.Budget.V1;
using NetBird.Protocol.Daemon.V1;

namespace NetBird.Agent.DaemonApi;

/// <summary>The control plane's figures, passed on with the time they were told.</summary>
internal static class BudgetMapping
{
    public static BudgetReply ToReply(BudgetFigures figures) => new()
    {
        Caps = { figures.Reply.Caps },
        Day = figures.Reply.Day ?? new Spend(),
        Month = figures.Reply.Month ?? new Spend(),
        AsOf = figures.AsOf.ToUnixTimeSeconds(),
    };
}
