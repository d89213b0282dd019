using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Store;

namespace NetBird.ControlPlane.Peers;

/// <summary>Writes signs of life down now and then, and removes ephemeral machines that fell silent.</summary>
internal sealed partial class PeerUpkeep(
    IConfigurationStore store, PeerActivity activity, TimeProvider time, ILogger<PeerUpkeep> logger) : BackgroundService
{
    /// <summary>How often. Ours: half of the shortest silence that can be set.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How far the stored time may lag behind. Ours: what an administrator cares about, a few writes an hour. A third of
    /// the silence for ephemeral machines: another node, which does not hear them itself, removes them by what is stored.
    /// </summary>
    public static readonly TimeSpan Lag = TimeSpan.FromMinutes(15);

    /// <summary>One round.</summary>
    public Task<int> RunOnceAsync(CancellationToken cancellationToken)
        => store.CommitAsync(Actor.System, Change, cancellationToken);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                var removed = await RunOnceAsync(stoppingToken);
                if (removed > 0)
                {
                    Log.Removed(logger, removed);
                }
            }
            catch (Exception fault) when (!stoppingToken.Ends(fault))
            {
                Log.Failed(logger, fault);
            }
        }
    }

    private int Change(ConfigurationDraft draft)
    {
        var now = time.GetUtcNow();
        var silence = (draft.Settings.All.FirstOrDefault() ?? new()).EphemeralSilence;
        var removed = 0;
        foreach (var peer in draft.Peers.All.ToList())
        {
            var seen = activity.LastSeen(peer) ?? peer.CreatedAt;
            if (peer.Ephemeral && now - seen > silence)
            {
                draft.Peers.Remove(peer.Id);
                removed++;
            }
            else if (seen - (peer.LastSeen ?? DateTimeOffset.MinValue) > (peer.Ephemeral ? silence / 3 : Lag))
            {
                draft.Peers.Put(peer with { LastSeen = seen }, audited: false);
            }
        }

        return removed;
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.AdminApi + 10, LogLevel.Information, "{Count} ephemeral machines fell silent and are removed")]
        public static partial void Removed(ILogger logger, int count);

        [LoggerMessage(EventIds.AdminApi + 11, LogLevel.Warning, "Signs of life cannot be written; trying again")]
        public static partial void Failed(ILogger logger, Exception fault);
    }
}
