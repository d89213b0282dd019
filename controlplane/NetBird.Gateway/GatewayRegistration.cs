using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using NetBird.Gateway.Admission;
using NetBird.Gateway.Authorization;
using NetBird.Gateway.Batches;
using NetBird.Gateway.Capture;
using NetBird.Gateway.Credentials;
using NetBird.Gateway.Forwarding;
using NetBird.Gateway.Inspection;
using NetBird.Gateway.Metering;
using NetBird.Gateway.OwnAnswers;

namespace NetBird.Gateway;

/// <summary>How a host takes the gateway in.</summary>
public static class GatewayRegistration
{
    /// <summary>
    /// Adds the stages. The host registers <see cref="IGatewaySnapshots"/>, <see cref="IProviderKeys"/>,
    /// <see cref="IReservations"/>, <see cref="IBatchRegister"/>, <see cref="IPromptVault"/> and <see cref="IUsageJournal"/>, and where it wants other settings a <see cref="GatewayOptions"/>.
    /// </summary>
    public static IServiceCollection AddGateway(this IServiceCollection services)
    {
        services.AddMetrics();
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<SteadyClock>();
        services.TryAddSingleton<GatewayOptions>();
        services.TryAddSingleton<GatewayMetrics>();
        services.TryAddSingleton<UpstreamClient>();
        services.TryAddSingleton<AdmissionStage>();
        services.TryAddSingleton<InspectionStage>();
        services.TryAddSingleton<BatchDesk>();
        services.TryAddSingleton<BatchAnswers>();
        services.TryAddSingleton<AuthorizationStage>();
        services.TryAddSingleton<CredentialStage>();
        services.TryAddSingleton<PromptCaptureStage>();
        services.TryAddSingleton<MeteringStage>();
        services.TryAddSingleton<ForwardingStage>();
        services.TryAddSingleton<UsageAnswer>();
        services.TryAddSingleton<GatewayPipeline>();
        services.TryAddSingleton<ActiveCalls>();
        services.AddHostedService(provider => provider.GetRequiredService<ActiveCalls>());
        services.AddSingleton<IMemoryPoolFactory<byte>>(GatewayBuffers.Instance);

        // What a connection brings is handled where it was read, on a thread of the pool, and not handed from one to the next twice: what
        // works on a long body holds up its own connection alone.
        services.Configure<SocketTransportOptions>(transport => transport.UnsafePreferInlineScheduling = true);
        return services;
    }

    /// <summary>
    /// Ends the application's pipeline with the gateway. The connection's remote address must be the overlay source address: it is
    /// the only identity, so nothing before this may change it (no forwarded headers).
    /// </summary>
    public static IApplicationBuilder UseGateway(this IApplicationBuilder app)
    {
        app.Run(app.ApplicationServices.GetRequiredService<GatewayPipeline>().HandleAsync);
        return app;
    }

    /// <summary>Kestrel as the gateway needs it. The host adds the listener, on the overlay address only, HTTP/1.1.</summary>
    public static void UseGatewayLimits(this KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;

        // The gateway has its own ceiling and answers in Anthropic's envelope.
        kestrel.Limits.MaxRequestBodySize = null;

        // A client that reads slowly (a laptop that sleeps) must not be cut by us; a dead one ends with its tunnel.
        kestrel.Limits.MinResponseDataRate = null;
        kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(30);
        kestrel.Limits.KeepAliveTimeout = TimeSpan.FromMinutes(10);
        kestrel.Limits.MaxRequestHeadersTotalSize = 64 * 1024;
        kestrel.ConfigureEndpointDefaults(endpoint => endpoint.Protocols = HttpProtocols.Http1);

        // Byte for byte both ways, whatever the bytes are.
        kestrel.RequestHeaderEncodingSelector = _ => Encoding.Latin1;
        kestrel.ResponseHeaderEncodingSelector = _ => Encoding.Latin1;
    }
}
