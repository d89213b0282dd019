using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using NetBird.Agent.Endpoint;
using NetBird.Agent.Lifecycle;
using NetBird.Agent.Listening;
using NetBird.Agent.Store;

namespace NetBird.Agent.DaemonApi;

/// <summary>Listens for the CLI, with gRPC: on a unix socket, or on a named pipe of Windows.</summary>
internal sealed class DaemonApiServer(
    StateDirectory state, DaemonApiService service, EndpointOwner owner, IdleMemory memory, TimeProvider time, ILoggerFactory logging) : IAsyncDisposable
{
    /// <summary>Ours: contracts.md gives 5 s for all of the end.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(4);

    private IAsyncDisposable? _server;

    /// <summary>From here on the CLI can connect.</summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (OperatingSystem.IsWindows())
        {
            _server = await StartOnPipeAsync(cancellationToken).ConfigureAwait(false);
            return;
        }

        var door = Door.Open(state.DaemonSocket, Treat);
        state.OpenSocket(state.DaemonSocket);
        _server = new SleepingServer([door], Build, Patience, memory.ServerRests, time, logging);
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is { } server)
        {
            _server = null;
            if (server is WebApplication pipe)
            {
                using var patience = new CancellationTokenSource(Patience, time);
                await pipe.StopAsync(patience.Token).ConfigureAwait(false);
            }

            await server.DisposeAsync().ConfigureAwait(false);
        }
    }

    private WebApplication Build(WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton(service);
        builder.Services.AddRoutingCore();
        builder.Services.AddGrpc();
        var api = builder.Build();
        api.UseRouting();
        api.MapGrpcService<DaemonApiService>();
        return api;
    }

    private void Treat(ListenOptions listen)
    {
        listen.Protocols = HttpProtocols.Http2;
        listen.Use(owner.GuardWithAdministrators.Close);
    }

    /// <summary>Kestrel's own pipes, awake for good: it alone can hand a pipe to HTTP.</summary>
    [System.Runtime.Versioning.SupportedOSPlatform("windows")]
    private async Task<WebApplication> StartOnPipeAsync(CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        var security = LocalPipe.Security();
        builder.Services.AddSingleton(logging);
        builder.WebHost
            .UseKestrelCore()
            .UseNamedPipes(pipes => (pipes.CurrentUserOnly, pipes.PipeSecurity) = (false, security))
            .ConfigureKestrel(kestrel =>
            {
                kestrel.AddServerHeader = false;
                kestrel.ListenNamedPipe(LocalPipe.NameOf(state.DaemonSocket), Treat);
            });
        var api = Build(builder);
        await api.StartAsync(cancellationToken).ConfigureAwait(false);
        return api;
    }
}
