using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Webhooks;

namespace NetBird.ControlPlane.Audit;

/// <summary>
/// Sends the audit log on to webhooks that ask for it, each entry at least once, from the moment that it is asked for;
/// the sequence in it says where it belongs. How far each has come is kept in the outbox with the deliveries, in one step.
/// </summary>
internal sealed partial class AuditStream(ConfigurationStore store, IWebhookOutbox outbox, TimeProvider time, ILogger<AuditStream> logger) : BackgroundService
{
    private const int Most = 200;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>One round; how many entries were put into the outbox.</summary>
    public async Task<int> RunOnceAsync(CancellationToken cancellationToken)
    {
        var hooks = store.Current.Webhooks.Values.Where(hook => hook is { Enabled: true, Audit: true }).ToList();
        if (hooks.Count == 0)
        {
            return 0;
        }

        var (levels, sent) = (await outbox.LevelsAsync(cancellationToken), 0);
        foreach (var hook in hooks)
        {
            var counter = $"audit/{hook.Id}";
            if (levels.TryGetValue(counter, out var told))
            {
                sent += await SendAsync(hook, counter, told, cancellationToken);
                continue;
            }

            // New: what happened before it was asked for is in the log, and is not told.
            await outbox.RaiseAsync(counter, (int)Math.Max(1, await LastAsync(cancellationToken)), [], cancellationToken);
        }

        return sent;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var bell = new Bell(time);
        void Ring(ConfigurationChange change) => bell.Ring();
        store.Changed += Ring;
        try
        {
            while (true)
            {
                try
                {
                    while (await RunOnceAsync(stoppingToken) > 0)
                    {
                    }

                    // Every entry is part of a change, of this process or another.
                    await bell.WaitAsync(Timeout.InfiniteTimeSpan, stoppingToken);
                }
                catch (Exception fault) when (!stoppingToken.Ends(fault))
                {
                    Log.Failed(logger, fault);
                }

                await Task.Delay(Interval, time, stoppingToken);
            }
        }
        finally
        {
            store.Changed -= Ring;
        }
    }

    private async Task<int> SendAsync(Webhook hook, string counter, int told, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var (deliveries, last) = (new List<WebhookDelivery>(), told);
        await foreach (var entry in store.ReadAuditAsync(told + 1, descending: false, cancellationToken))
        {
            deliveries.Add(WebhookDelivery.New(hook.Id, "audit.entry", AuditFile.LineOf(entry), now));
            last = (int)entry.Sequence;
            if (deliveries.Count == Most)
            {
                break;
            }
        }

        return deliveries.Count > 0 && await outbox.RaiseAsync(counter, last, deliveries, cancellationToken) ? deliveries.Count : 0;
    }

    private async Task<long> LastAsync(CancellationToken cancellationToken)
    {
        await foreach (var entry in store.ReadAuditAsync(long.MaxValue, descending: true, cancellationToken))
        {
            return entry.Sequence;
        }

        return 0;
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Audit + 5, LogLevel.Warning, "The audit log cannot be sent on to webhooks at the moment; trying again")]
        public static partial void Failed(ILogger logger, Exception fault);
    }
}
