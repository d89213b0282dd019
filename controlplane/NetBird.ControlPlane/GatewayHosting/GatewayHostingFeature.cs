using NetBird.ControlPlane.Tunnels;
using NetBird.Gateway;

namespace NetBird.ControlPlane.GatewayHosting;

/// <summary>What the gateway's server is made of, in the control plane's container.</summary>
internal static class GatewayHostingFeature
{
    public static void AddGatewayHosting(this IServiceCollection services)
    {
        services.AddSingleton<TunnelPeers>();
        services.AddSingleton<GatewaySnapshots>();
        services.AddSingleton<IGatewaySnapshots>(provider => provider.GetRequiredService<GatewaySnapshots>());
    }
}
