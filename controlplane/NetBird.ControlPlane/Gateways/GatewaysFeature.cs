using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Tunnels;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Gateways;

/// <summary>Which gateways there are.</summary>
internal static class GatewaysFeature
{
    public static void AddGateways(this IServiceCollection services, ServeOptions options, AccountState state, GatewayKey key)
    {
        if (state.Database is not { } database)
        {
            services.AddSingleton<IGatewayList, OwnGateway>();
            return;
        }

        GatewayId? self = options.Gateway ? GatewayRecord.IdOf(key.Public) : null;
        services.AddSingleton(provider => new GatewaySigns(
            database, self, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<GatewaySigns>>()));
        services.AddHostedService(provider => provider.GetRequiredService<GatewaySigns>());
        services.AddSingleton<IGatewayList, SharedGateways>();
    }
}
