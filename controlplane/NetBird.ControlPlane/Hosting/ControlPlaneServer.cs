using System.Diagnostics.Metrics;
using System.Net.Sockets;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using NetBird.CommandLine;
using NetBird.ControlPlane.AdminApi;
using NetBird.ControlPlane.AgentApi;
using NetBird.ControlPlane.Dashboard;
using NetBird.ControlPlane.GatewayHosting;
using NetBird.ControlPlane.Gateways;
using NetBird.ControlPlane.Identity;
using NetBird.ControlPlane.Peers;
using NetBird.ControlPlane.Providers;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Tokens;
using NetBird.ControlPlane.Tunnels;
using NetBird.ControlPlane.Usage;
using NetBird.ControlPlane.Webhooks;
using NetBird.WireGuard;

namespace NetBird.ControlPlane.Hosting;

/// <summary>
/// The composition root of <c>serve</c>: one <c>Add</c> and one <c>Map</c> per feature, start, drain, stop.
/// </summary>
internal sealed partial class ControlPlaneServer : IAsyncDisposable
{
    // The contract: Ctrl-C and SIGTERM end within 5 s. A longer drain is the operator's own wish.
    private static readonly TimeSpan StopMargin = TimeSpan.FromSeconds(0.8);

    private readonly ServeOptions _options;
    private readonly WebApplication _app;
    private readonly GatewayServer? _gateway;
    private readonly Stack<IAsyncDisposable> _held;

    private ControlPlaneServer(ServeOptions options, WebApplication app, GatewayServer? gateway, Stack<IAsyncDisposable> held)
        => (_options, _app, _gateway, _held) = (options, app, gateway, held);

    /// <summary>Where it is reached.</summary>
    public Uri Url => Services.GetRequiredService<PublicUrl>().Value;

    public IServiceProvider Services => _app.Services;

    /// <summary>Serves until <paramref name="stop"/>; the exit code.</summary>
    public static async Task<int> RunAsync(ServeOptions options, CancellationToken stop)
    {
        try
        {
            await using var server = await StartAsync(options, TimeProvider.System, stop);
            var asked = await server.UntilAsync(stop);
            await server.StopAsync();
            if (!asked)
            {
                await Console.Error.WriteLineAsync("netbird-controlplane: a part of it failed and it ended; the log says which. Start it again.");
            }

            return asked ? ExitCode.Done : ExitCode.Failed;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return ExitCode.Done;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or SocketException or StartException
            or StateVersionException or TunnelException or InvalidDataException)
        {
            await Console.Error.WriteLineAsync($"netbird-controlplane: {e.Message}");
            return ExitCode.Failed;
        }
    }

    /// <summary>Starts; requests are answered when this returns. What was taken so far is given back when it throws.</summary>
    public static async Task<ControlPlaneServer> StartAsync(ServeOptions options, TimeProvider time, CancellationToken cancellationToken)
    {
        var held = new Stack<IAsyncDisposable>();
        try
        {
            var state = StateDirectory.Open(options.StateDirectory);
            held.Push(new Held(state));
            var socket = Listen(options);
            held.Push(new Held(socket));
            var logging = LoggerFactory.Create(builder => builder.AddControlPlaneLogging(options.Log));
            held.Push(new Held(logging));
            var account = options.Postgres is { } shared
                ? await AccountState.OpenPostgresAsync(state.Path, shared, options.ClusterKey, time, logging, cancellationToken)
                : await AccountState.OpenAsync(state.Path, options.ClusterKey, time, logging, cancellationToken);
            held.Push(account);
            var key = GatewayKey.Load(account.Own);
            held.Push(new Held(key));
            var proofs = ControlPlaneKey.Load(account);
            held.Push(new Held(proofs));
            var tunnel = options.Gateway ? await OpenTunnelAsync(options, account, key, time, logging, cancellationToken) : TunnelHost.None;
            held.Push(tunnel);
            var usage = options.Postgres is { } database
                ? await UsageStore.OpenPostgresAsync(database, state.Path, time, logging, cancellationToken)
                : await UsageStore.OpenAsync(state.Path, time, logging, cancellationToken);
            held.Push(usage);
            var app = Build(options, state, socket, time, new(account, key, proofs, tunnel, usage));
            held.Push(app);
            var gateway = options.Gateway ? await GatewayServer.StartAsync(options, tunnel, app.Services, cancellationToken) : null;
            if (gateway is not null)
            {
                held.Push(gateway);
            }

            if (options.Management)
            {
                await FirstToken.EnsureAsync(account.Configuration, state.Path, time, cancellationToken);
            }

            await app.StartAsync(cancellationToken);
            var server = new ControlPlaneServer(options, app, gateway, held);
            Log.Ready(server.Logger, server.Url);
            return server;
        }
        catch
        {
            // What runs beside it hears that it ends, and does not take the end for a fault.
            held.OfType<WebApplication>().SingleOrDefault()?.Lifetime.StopApplication();
            await ReleaseAsync(held);
            throw;
        }
    }

    /// <summary>Lets requests in flight end, for as long as the options give them.</summary>
    public async Task StopAsync()
    {
        Log.Stopping(Logger, _options.Drain.TotalSeconds);
        using var limit = new CancellationTokenSource(_options.Drain + StopMargin);

        // Side by side: agents are sent away at once while what is in the tunnel may still end.
        await Task.WhenAll(_gateway?.StopAsync(limit.Token) ?? Task.CompletedTask, _app.StopAsync(limit.Token));
    }

    public ValueTask DisposeAsync() => ReleaseAsync(_held);

    private static async ValueTask ReleaseAsync(Stack<IAsyncDisposable> held)
    {
        while (held.TryPop(out var next))
        {
            await next.DisposeAsync();
        }
    }

    private static WebApplication Build(ServeOptions options, StateDirectory state, Socket socket, TimeProvider time, Opened opened)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions
        {
            // Also where another program hosts us: page assets are listed under this name.
            ApplicationName = typeof(ControlPlaneServer).Assembly.GetName().Name,
            ContentRootPath = AppContext.BaseDirectory,
        });

        // Options are ours alone: a stray appsettings.json or ASPNETCORE_URLS changes nothing.
        builder.Configuration.Sources.Clear();
        builder.Logging.AddControlPlaneLogging(options.Log);
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => ConfigureKestrel(kestrel, options, (System.Net.IPEndPoint)socket.LocalEndPoint!));
        builder.Services.Configure<SocketTransportOptions>(transport => transport.CreateBoundListenSocket = _ => socket);
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = options.Drain);

        // The command line owns Ctrl-C and SIGTERM.
        builder.Services.AddSingleton<IHostLifetime, CommandLifetime>();
        builder.Services.AddSingleton(time);
        builder.Services.AddSingleton(options);
        builder.Services.AddSingleton(state);
        builder.Services.AddSingleton(opened.Key);
        builder.Services.AddSingleton(opened.Proofs);
        builder.Services.AddSingleton(opened.Tunnel);
        builder.Services.AddSingleton<IReadiness>(opened.Tunnel);
        builder.Services.AddSingleton<IReadiness>(opened.Account.Configuration);
        builder.Services.AddSingleton<IReadiness>(opened.Usage);
        var url = PublicUrl.Of(options, (System.Net.IPEndPoint)socket.LocalEndPoint!);
        builder.Services.AddSingleton(url);
        builder.Services.AddSingleton(provider => new StateDisk(
            () => new DriveInfo(Path.GetFullPath(options.StateDirectory)).AvailableFreeSpace, provider.GetRequiredService<IMeterFactory>()));
        if (options.Tls is { } files)
        {
            builder.Services.AddSingleton(files);
            builder.Services.AddSingleton<TlsCertificate>();
        }

        builder.Services.AddHostGuard(options);
        builder.Services.AddControlPlaneMetrics(options.OtlpEndpoint);
        builder.Services.AddAdministration(
            new() { StateDirectory = state.Path, EmbeddedIdentity = options.Oidc is null, PublicUrl = url.Value }, opened.Account);
        builder.Services.AddUsage(opened.Usage);
        builder.Services.AddGateways(options, opened.Account, opened.Key);
        builder.Services.AddGatewayHosting();
        if (options.Management)
        {
            builder.Services.AddUpkeep();
            builder.Services.AddWebhooks();
            builder.Services.AddUsageUpkeep();
            builder.Services.AddHostedService<Audit.AuditStream>();
            if (options.AuditFile is { } file)
            {
                builder.Services.AddHostedService(provider => new Audit.AuditFile(
                    opened.Account.Configuration, file, time, provider.GetRequiredService<ILogger<Audit.AuditFile>>()));
            }

            builder.Services.AddAgentApi();
            builder.Services.AddDashboard();
            builder.UseDashboardAssets();
            builder.Services.AddIdentity(options, opened.Account, url, time);
        }

        var app = builder.Build();
        app.Services.GetRequiredService<StateDisk>(); // it measures from here on
        app.UseHostGuard();
        if (options.Management)
        {
            app.UseResponseCompression();
        }

        app.UseRouting();
        if (options.Management)
        {
            app.UseIdentity();
        }

        app.MapHealth();
        app.MapMetrics();
        if (options.Management)
        {
            MapManagement(app, options);
        }
        else
        {
            // A gateway alone answers nothing else here; the sample provider is what its own requests may go to.
            app.MapSampleProvider();
        }

        return app;
    }

    private static void MapManagement(WebApplication app, ServeOptions options)
    {
        app.MapIdentity(options);
        app.UseAntiforgery();
        app.MapAgentApi();
        app.MapAdminApi();
        app.MapDashboard();
    }

    /// <summary>Nodes that share a database each have an address of their own in the overlay; one process alone has the first.</summary>
    private static async Task<TunnelHost> OpenTunnelAsync(
        ServeOptions options, AccountState account, GatewayKey key, TimeProvider time, ILoggerFactory logging, CancellationToken cancellationToken)
    {
        if (account.Database is null)
        {
            return await TunnelHost.OpenAsync(options, key, OverlayAddresses.GatewayOf(options.Overlay), time, logging, cancellationToken);
        }

        var address = await GatewayRegistration.AddressAsync(account.Configuration, key.Public, options.Overlay, time, cancellationToken);
        var tunnel = await TunnelHost.OpenAsync(options, key, address, time, logging, cancellationToken);
        await GatewayRegistration.AnnounceAsync(
            account.Configuration, key.Public, options.WireGuardEndpoint ?? $":{tunnel.ListenPort}", cancellationToken);
        return tunnel;
    }

    private static void ConfigureKestrel(KestrelServerOptions kestrel, ServeOptions options, System.Net.IPEndPoint endpoint)
    {
        kestrel.AddServerHeader = false;

        // Ours: the sample provider takes what Anthropic takes; every other endpoint has a smaller limit of its own.
        kestrel.Limits.MaxRequestBodySize = 33 * 1024 * 1024;
        kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
        kestrel.Listen(endpoint, listen =>
        {
            if (options.Tls is null)
            {
                // HTTP/2 needs TLS to be agreed on; gRPC comes as gRPC-Web here.
                listen.Protocols = HttpProtocols.Http1;
                return;
            }

            var certificate = listen.ApplicationServices.GetRequiredService<TlsCertificate>();
            listen.UseHttps(new TlsHandshakeCallbackOptions
            {
                OnConnection = _ => ValueTask.FromResult(new System.Net.Security.SslServerAuthenticationOptions
                {
                    ServerCertificateContext = certificate.Current(),
                }),
            });
        });
    }

    /// <summary>Takes the port before anything else is made, so that a port in use is the first and only word.</summary>
    private static Socket Listen(ServeOptions options)
    {
        var socket = new Socket(options.Http.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (options.Http.Address.Equals(System.Net.IPAddress.IPv6Any))
            {
                socket.DualMode = true;
            }

            // Listening, too: two programs may bind one port and only one may listen. Who calls early waits for an answer.
            socket.Bind(options.Http);
            socket.Listen();
            return socket;
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw new StartException(
                e.SocketErrorCode switch
                {
                    SocketError.AddressAlreadyInUse => $"{options.Http} is in use by another program; choose another with --http.",
                    SocketError.AccessDenied => $"Listening on {options.Http} is not permitted; ports below 1024 need root.",
                    SocketError.AddressNotAvailable => $"{options.Http.Address} is no address of this machine; see --http.",
                    _ => $"Cannot listen on {options.Http}: {e.Message}",
                },
                e);
        }
    }

    /// <summary>True when it was asked to stop, false when a part of it that it cannot do without failed.</summary>
    private async Task<bool> UntilAsync(CancellationToken stop)
    {
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var asked = stop.Register(() => stopped.TrySetResult());
        await using var failed = _app.Lifetime.ApplicationStopping.Register(() => stopped.TrySetResult());
        await stopped.Task;
        return stop.IsCancellationRequested;
    }

    private ILogger Logger => Services.GetRequiredService<ILogger<ControlPlaneServer>>();

    /// <summary>What was opened before the container is made, so that what cannot be opened is told at once.</summary>
    private sealed record Opened(AccountState Account, GatewayKey Key, ControlPlaneKey Proofs, TunnelHost Tunnel, UsageStore Usage);

    private sealed class Held(IDisposable value) : IAsyncDisposable
    {
        public ValueTask DisposeAsync()
        {
            value.Dispose();
            return default;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Hosting + 1, LogLevel.Information, "The control plane is ready at {Url}")]
        public static partial void Ready(ILogger logger, Uri url);

        [LoggerMessage(EventIds.Hosting + 2, LogLevel.Information, "Stopping; requests in flight have {DrainSeconds} s")]
        public static partial void Stopping(ILogger logger, double drainSeconds);
    }
}
