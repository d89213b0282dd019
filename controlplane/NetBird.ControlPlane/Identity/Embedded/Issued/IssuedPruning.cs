using NetBird.ControlPlane.Hosting;
using OpenIddict.Abstractions;

namespace NetBird.ControlPlane.Identity.Embedded.Issued;

/// <summary>Forgets, every hour, what expired or was redeemed a day ago.</summary>
internal sealed partial class IssuedPruning(IServiceScopeFactory scopes, TimeProvider time, ILogger<IssuedPruning> logger)
    : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromHours(1);

    // Redeemed codes stay for a while: a second use of one is told from a made-up one, and revokes what the first gave.
    private static readonly TimeSpan Keep = TimeSpan.FromDays(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await using var scope = scopes.CreateAsyncScope();
                var threshold = time.GetUtcNow() - Keep;
                await scope.ServiceProvider.GetRequiredService<IOpenIddictTokenManager>().PruneAsync(threshold, stoppingToken);
                await scope.ServiceProvider.GetRequiredService<IOpenIddictAuthorizationManager>().PruneAsync(threshold, stoppingToken);
            }
            catch (Exception e) when (!stoppingToken.Ends(e))
            {
                Log.PruningFailed(logger, e);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Identity + 10, LogLevel.Warning, "Expired tokens could not be removed; tried again in an hour")]
        public static partial void PruningFailed(ILogger logger, Exception e);
    }
}
