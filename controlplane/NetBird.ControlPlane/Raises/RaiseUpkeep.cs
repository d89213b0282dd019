using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Store;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Raises;

/// <summary>
/// Takes raises that ended out of the configuration, so that the audit log says when. They stop holding at their own time,
/// whether this runs or not.
/// </summary>
internal sealed partial class RaiseUpkeep(IConfigurationStore store, TimeProvider time, ILogger<RaiseUpkeep> logger) : BackgroundService
{
    /// <summary>Ours: an audit entry this late is early enough.</summary>
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(20);

    /// <summary>One round; how many ended.</summary>
    public async Task<int> RunOnceAsync(CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        return store.Current.LimitRaises.Values.Any(raise => raise.EndsAt <= now)
            ? await store.CommitAsync(Actor.System, draft => End(draft, now), cancellationToken)
            : 0;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                if (await RunOnceAsync(stoppingToken) is > 0 and var ended)
                {
                    Log.Ended(logger, ended);
                }
            }
            catch (Exception fault) when (!stoppingToken.Ends(fault))
            {
                Log.Failed(logger, fault);
            }
        }
    }

    private static int End(ConfigurationDraft draft, DateTimeOffset now)
    {
        var ended = draft.LimitRaises.All.Where(raise => raise.EndsAt <= now).ToList();
        ended.ForEach(raise => draft.LimitRaises.Remove(raise.Id));
        return ended.Count;
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Raises + 1, LogLevel.Information, "{Count} temporary raises of limits ended")]
        public static partial void Ended(ILogger logger, int count);

        [LoggerMessage(EventIds.Raises + 2, LogLevel.Warning, "Raises that ended cannot be taken out; trying again")]
        public static partial void Failed(ILogger logger, Exception fault);
    }
}
