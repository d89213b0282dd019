using NetBird.ControlPlane.EndpointCertificates;
using NetBird.ControlPlane.Peers;
using NetBird.ControlPlane.Store;

namespace NetBird.ControlPlane.AgentApi;

/// <summary>What agents ask, by gRPC-Web over any listener and by gRPC where HTTP/2 is spoken.</summary>
internal static class AgentApiFeature
{
    // Bytes. An enrolment with an ID token of a thousand groups is 40 KiB.
    private const int LargestMessage = 192 * 1024;

    public static void AddAgentApi(this IServiceCollection services)
    {
        services.AddGrpc(grpc =>
        {
            grpc.MaxReceiveMessageSize = LargestMessage;
            grpc.EnableDetailedErrors = false;
            grpc.Interceptors.Add<PeerAuthentication>();
        });
        services.AddSingleton<PeerAuthentication>();
        services.AddSingleton(provider => Challenges.Of(provider.GetRequiredService<AccountState>(), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<ConfigurationSignal>();
        services.AddSingleton<NetworkMaps>();
        services.AddSingleton<SyncStream>();
        services.AddSingleton<Enrolment>();
        services.AddSingleton<EnrolmentGuesses>();
        services.AddSingleton<BudgetAnswer>();
        services.AddSingleton<EndpointAuthority>();
        services.AddSingleton<EndpointCertificateAnswer>();
    }

    public static void MapAgentApi(this WebApplication app)
    {
        app.UseGrpcWeb(new GrpcWebOptions { DefaultEnabled = true });
        app.MapGrpcService<AgentService>();
    }
}
