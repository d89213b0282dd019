using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Usage.Prompts;
using NetBird.ControlPlane.Usage.Warnings;
using NetBird.Gateway;
using NetBird.Gateway.Authorization;
using NetBird.Gateway.Capture;
using NetBird.Gateway.Metering;
using NetBird.Gateway.OwnAnswers;

namespace NetBird.ControlPlane.Usage;

/// <summary>The usage feature's one entry for the composition root.</summary>
internal static class UsageFeature
{
    /// <summary>
    /// Registers an open store, which the caller disposes after the host has stopped: requests in flight still write then.
    /// Needs <see cref="IGatewaySnapshots"/> of the same container.
    /// </summary>
    public static IServiceCollection AddUsage(this IServiceCollection services, UsageStore store)
    {
        services.AddSingleton(store.Ledger);
        services.AddSingleton(store.Journal);
        services.AddSingleton(store.Batches);
        services.AddSingleton(store.Prompts);
        services.AddSingleton(provider => new PromptVault(provider.GetRequiredService<AccountState>().Protection, store.Prompts));
        services.AddSingleton<IPromptVault>(provider => provider.GetRequiredService<PromptVault>());
        services.AddSingleton<IReservations>(provider =>
        {
            var snapshots = provider.GetRequiredService<IGatewaySnapshots>();
            store.Policies.Follow(() => snapshots.Current?.Policies);
            return provider.GetRequiredService<WatchedReservations>();
        });
        services.AddSingleton(store.Clock);
        services.AddSingleton(store.Charged);
        services.AddSingleton(new WatchedReservations(store.Reservations, store.Charged));
        services.AddSingleton<IPersonSpend, LedgerSpend>();
        services.AddSingleton(store.Outbox);
        services.AddHostedService<LimitWatch>();
        return services;
    }

    /// <summary>What keeps the ledger in order; where several nodes share one, those that manage do it.</summary>
    public static void AddUsageUpkeep(this IServiceCollection services) => services.AddHostedService<RetentionJob>();
}
