using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Usage.Prompts;

namespace NetBird.ControlPlane.Usage;

/// <summary>Drops rows and sums that are older than the settings say, once an hour; what it dropped is in the log and audited.</summary>
internal sealed partial class RetentionJob(
    IUsageLedger ledger, IPromptStore prompts, IConfigurationStore store, TimeProvider time, ILogger<RetentionJob> logger)
    : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    /// <summary>Ours: how often work that takes long says how far it is.</summary>
    private static readonly TimeSpan ToldEvery = TimeSpan.FromSeconds(10);

    /// <summary>One round.</summary>
    public async Task<RetentionResult> RunOnceAsync(CancellationToken cancellationToken)
    {
        var settings = store.Current.Settings;
        var now = time.GetUtcNow();
        var rowsFrom = Before(now, settings.AccessLogRetentionDays);
        var sumsFrom = Before(now, settings.UsageRetentionDays);
        Log.Begins(logger, rowsFrom, sumsFrom);

        // First, and whatever becomes of the ledger: what people said is kept for no longer than was promised.
        var promptsFrom = now.AddDays(-settings.PromptRetentionDays);
        var droppedPrompts = await prompts.DropAsync(promptsFrom, cancellationToken);
        var told = now;
        var dropped = new RetentionResult(0, 0);
        try
        {
            dropped = await ledger.RetainAsync(
                rowsFrom,
                sumsFrom,
                rows =>
                {
                    if (time.GetUtcNow() - told >= ToldEvery)
                    {
                        told = time.GetUtcNow();
                        Log.SoFar(logger, rows, told - now);
                    }
                },
                cancellationToken);
        }
        finally
        {
            Log.Ended(logger, dropped.Rows, dropped.Sums, droppedPrompts, time.GetUtcNow() - now);
            await NoteAsync(dropped, rowsFrom, sumsFrom, droppedPrompts, promptsFrom, cancellationToken);
        }

        return dropped;
    }

    private async Task NoteAsync(
        RetentionResult dropped, DateTimeOffset rowsFrom, DateTimeOffset sumsFrom, long droppedPrompts, DateTimeOffset promptsFrom, CancellationToken cancellationToken)
    {
        if (dropped is not { Rows: 0, Sums: 0 } || droppedPrompts > 0)
        {
            await store.CommitAsync(
                Actor.System,
                draft =>
                {
                    draft.Note(new(
                        AuditActions.UsageRetention,
                        "usage",
                        "",
                        "usage",
                        $"Dropped {dropped.Rows} requests from before {rowsFrom:yyyy-MM-dd HH}:00 UTC and {dropped.Sums} sums from before {sumsFrom:yyyy-MM-dd HH}:00 UTC, {droppedPrompts} prompts from before {promptsFrom:yyyy-MM-dd HH:mm} UTC."));
                    return true;
                },
                cancellationToken);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await RunOnceAsync(stoppingToken);
            }
            catch (Exception fault) when (!stoppingToken.Ends(fault))
            {
                Log.Failed(logger, fault);
            }
        }
    }

    /// <summary>The moment before which nothing is kept; 0 days keep everything.</summary>
    private static DateTimeOffset Before(DateTimeOffset now, int days) => days == 0 ? DateTimeOffset.MinValue : now.AddDays(-days);

    private static partial class Log
    {
        [LoggerMessage(EventIds.Usage + 30, LogLevel.Debug, "Retention begins: requests from before {RowsFrom} and sums from before {SumsFrom} go")]
        public static partial void Begins(ILogger logger, DateTimeOffset rowsFrom, DateTimeOffset sumsFrom);

        [LoggerMessage(EventIds.Usage + 31, LogLevel.Information, "Retention dropped {Rows} requests, {Sums} sums and {Prompts} prompts in {Took}")]
        public static partial void Ended(ILogger logger, long rows, long sums, long prompts, TimeSpan took);

        [LoggerMessage(EventIds.Usage + 33, LogLevel.Information, "Retention has dropped {Rows} requests so far, in {Took}")]
        public static partial void SoFar(ILogger logger, long rows, TimeSpan took);

        [LoggerMessage(EventIds.Usage + 32, LogLevel.Warning, "Retention could not be carried out; trying again in an hour")]
        public static partial void Failed(ILogger logger, Exception fault);
    }
}
