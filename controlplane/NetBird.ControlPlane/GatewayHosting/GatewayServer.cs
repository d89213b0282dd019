using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Tunnels;
using NetBird.Gateway;
using NetBird.Gateway.Authorization;
using NetBird.Gateway.Batches;
using NetBird.Gateway.Capture;
using NetBird.Gateway.Credentials;
using NetBird.Gateway.Metering;
using NetBird.Gateway.OwnAnswers;
using NetBird.WireGuard;

namespace NetBird.ControlPlane.GatewayHosting;

/// <summary>
/// The gateway's own web server inside the tunnel: nothing of the admin's listener reaches it, and it is reached by
/// nothing but the tunnel. It gets from the control plane only what it is given here.
/// </summary>
internal sealed class GatewayServer : IAsyncDisposable
{
    private const int Port = 80;

    private readonly WebApplication _app;
    private readonly IOverlayListener _listener;

    private GatewayServer(WebApplication app, IOverlayListener listener) => (_app, _listener) = (app, listener);

    /// <exception cref="IOException">The overlay address cannot be listened on.</exception>
    public static async Task<GatewayServer> StartAsync(
        ServeOptions options, TunnelHost tunnel, IServiceProvider services, CancellationToken cancellationToken)
    {
        var endpoint = new IPEndPoint(tunnel.Address, Port);
        var listener = await tunnel.Overlay.ListenAsync(endpoint, cancellationToken);
        try
        {
            var app = Build(options, listener, services);
            await app.StartAsync(cancellationToken);
            return new(app, listener);
        }
        catch
        {
            await listener.DisposeAsync();
            throw;
        }
    }

    /// <summary>Takes no new connections and lets requests in flight end until <paramref name="cancellationToken"/>.</summary>
    public Task StopAsync(CancellationToken cancellationToken) => _app.StopAsync(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        await _listener.DisposeAsync();
    }

    private static WebApplication Build(ServeOptions options, IOverlayListener listener, IServiceProvider services)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Configuration.Sources.Clear();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(services.GetRequiredService<ILoggerFactory>());
        builder.Services.AddSingleton(services.GetRequiredService<TimeProvider>());
        builder.Services.AddSingleton(services.GetRequiredService<IGatewaySnapshots>());
        builder.Services.AddSingleton(services.GetRequiredService<IBatchRegister>());
        builder.Services.AddSingleton(services.GetRequiredService<IPromptVault>());
        builder.Services.AddSingleton(services.GetRequiredService<IProviderKeys>());
        builder.Services.AddSingleton(services.GetRequiredService<IReservations>());
        builder.Services.AddSingleton(services.GetRequiredService<SteadyClock>());
        builder.Services.AddSingleton(services.GetRequiredService<IUsageJournal>());
        builder.Services.AddSingleton(services.GetRequiredService<IPersonSpend>());
        builder.Services.AddSingleton<IHostLifetime, CommandLifetime>();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = options.Drain);
        builder.Services.AddGateway();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.UseGatewayLimits();
            kestrel.Listen(listener.LocalEndPoint);
        });
        if (listener.Socket is { } socket)
        {
            builder.Services.Configure<SocketTransportOptions>(transport => transport.CreateBoundListenSocket = _ => socket);
        }
        else
        {
            builder.Services.AddSingleton<IConnectionListenerFactory>(new OverlayListenerFactory(listener));
        }

        var app = builder.Build();
        app.UseGateway();
        return app;
    }
}
