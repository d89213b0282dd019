using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using NetBird.Agent.Lifecycle;
using NetBird.Agent.Store;
using NetBird.Agent.Tunnel;
using Yarp.ReverseProxy.Forwarder;

namespace NetBird.Agent.Endpoint;

/// <summary>
/// What Claude Code talks to: plain HTTP on loopback and on a unix socket. Answers for itself whenever the tunnel cannot
/// carry the request, at once and in words.
/// </summary>
internal sealed partial class EndpointServer(
    StateDirectory state, AgentSupervisor supervisor, TunnelSupervisor tunnel, TimeProvider time, ILoggerFactory logging) : IAsyncDisposable
{
    /// <summary>
    /// Ours: how long a request waits for a tunnel that is on its way. A reconnect takes less; a person hears something
    /// within 5 s.
    /// </summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(4);

    private readonly ILogger<EndpointServer> _logger = logging.CreateLogger<EndpointServer>();
    private readonly SemaphoreSlim _turn = new(1, 1);
    private WebApplication? _web;
    private OverlayPipe? _pipe;
    private long _requests;

    /// <summary>ADDR:PORT that is listened on; empty while none is.</summary>
    public string Listening { get; private set; } = "";

    public string Url => Listening.Length == 0 ? "" : "http://" + Listening;

    public long Requests => Interlocked.Read(ref _requests);

    /// <summary>Listens on an address of this machine's loopback, in place of the one before.</summary>
    /// <returns>Why it does not listen; null when it does.</returns>
    public async Task<string?> ListenAsync(string address, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (Listening == address)
            {
                return null;
            }

            if (!IPEndPoint.TryParse(address, out var wanted) || !IPAddress.IsLoopback(wanted.Address))
            {
                return $"The endpoint '{address}' is not a loopback address with a port. Example: --endpoint 127.0.0.1:8788";
            }

            await StopLockedAsync().ConfigureAwait(false);
            return await StartLockedAsync(wanted, address, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopLockedAsync().ConfigureAwait(false);
        _turn.Dispose();
    }

    private async Task<string?> StartLockedAsync(IPEndPoint wanted, string address, CancellationToken cancellationToken)
    {
        var owner = new OwnerOnly(rootToo: false, logging.CreateLogger<OwnerOnly>());
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton(logging);
        builder.Services.AddHttpForwarder();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            Unlimit(kestrel);
            kestrel.Listen(wanted, listen =>
            {
                listen.Protocols = HttpProtocols.Http1;
                listen.Use(owner.Mark);
            });
            if (Socket.OSSupportsUnixDomainSockets && !OperatingSystem.IsWindows())
            {
                File.Delete(state.EndpointSocket);
                kestrel.ListenUnixSocket(state.EndpointSocket, listen =>
                {
                    listen.Protocols = HttpProtocols.Http1;
                    listen.Use(owner.Close);
                });
            }
        });
        var web = builder.Build();
        var pipe = new OverlayPipe(web.Services.GetRequiredService<IHttpForwarder>(), tunnel);
        web.Run(context => AnswerAsync(context, pipe));
        try
        {
            await web.StartAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (IOException e)
        {
            pipe.Dispose();
            await web.DisposeAsync().ConfigureAwait(false);
            Log.NotListening(_logger, address, e.Message);
            return e.InnerException is AddressInUseException
                ? $"Another program listens on {address}. Stop it, or choose another: netbird-agent up --endpoint 127.0.0.1:8789"
                : $"The endpoint cannot listen on {address}: {e.Message}";
        }

        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(state.EndpointSocket, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        (_web, _pipe, Listening) = (web, pipe, address);
        Log.Listening(_logger, address);
        return null;
    }

    /// <summary>A pipe has no limits of its own: the gateway has them.</summary>
    private static void Unlimit(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        kestrel.AllowSynchronousIO = false;
        kestrel.Limits.MaxRequestBodySize = null;
        kestrel.Limits.MinRequestBodyDataRate = null;
        kestrel.Limits.MinResponseDataRate = null;
        kestrel.Limits.MaxRequestHeadersTotalSize = 256 * 1024;
        kestrel.Limits.MaxRequestHeaderCount = 500;
        kestrel.Limits.MaxRequestLineSize = 64 * 1024;
        kestrel.Limits.KeepAliveTimeout = TimeSpan.FromMinutes(10);
        kestrel.RequestHeaderEncodingSelector = static _ => Encoding.Latin1;
        kestrel.ResponseHeaderEncodingSelector = static _ => Encoding.Latin1;
    }

    private async Task AnswerAsync(HttpContext context, OverlayPipe pipe)
    {
        var connection = context.Features.Get<IConnectionItemsFeature>()!.Items;
        var refusal = OwnerOnly.RefusalOf(connection)
            ?? LocalRequestGuard.Check(context.Request, [], isSocket: context.Connection.LocalIpAddress is null);
        if (refusal is not null)
        {
            await RefuseAsync(context, EndpointRefusal.Blocked(refusal)).ConfigureAwait(false);
            return;
        }

        if (HttpMethods.IsHead(context.Request.Method) && context.Request.Path.Value is "/" or "/api/hello")
        {
            context.Response.StatusCode = StatusCodes.Status200OK;
            return;
        }

        Interlocked.Increment(ref _requests);
        if (await WaitForRouteAsync(context.RequestAborted).ConfigureAwait(false) is { } notNow)
        {
            await RefuseAsync(context, notNow).ConfigureAwait(false);
            return;
        }

        if (!await pipe.ForwardAsync(context).ConfigureAwait(false))
        {
            // Nothing was answered, so the words are ours. Whatever the forwarder prepared is taken back.
            context.Response.Clear();
            supervisor.Post(new AgentEvent.Tick());
            await RefuseAsync(context, AfterSilence()).ConfigureAwait(false);
        }
    }

    /// <summary>Why a request that was forwarded got no answer.</summary>
    private EndpointRefusal AfterSilence()
    {
        var snapshot = supervisor.Snapshot;
        if (snapshot.Refusal is { } refusal)
        {
            return refusal;
        }

        return tunnel.Report().AnyAnswers
            ? new EndpointRefusal(503, "api_error", "The gateway ended the connection before it answered, and one answers again now. Try again.", RetryHelps: true)
            : EndpointRefusal.Unavailable(snapshot.Facts.GatewayAnswers || snapshot.Reason.Length == 0
                ? "The gateway does not answer. The connection is being made again; try again in a moment, or run: netbird-agent doctor"
                : snapshot.Reason);
    }

    /// <summary>Null when requests may pass; while the tunnel is on its way, waits a little for it.</summary>
    private async Task<EndpointRefusal?> WaitForRouteAsync(CancellationToken cancellationToken)
    {
        var snapshot = supervisor.Snapshot;
        if (snapshot.Refusal is null || !snapshot.State.Tunnels)
        {
            return snapshot.Refusal;
        }

        using var patience = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
        try
        {
            while (true)
            {
                var change = supervisor.NextChangeAsync(either.Token);
                snapshot = supervisor.Snapshot;
                if (snapshot.Refusal is null || !snapshot.State.Tunnels)
                {
                    return snapshot.Refusal;
                }

                await change.ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            return supervisor.Snapshot.Refusal;
        }
    }

    private async Task RefuseAsync(HttpContext context, EndpointRefusal refusal)
    {
        Log.Refused(_logger, refusal.Status, refusal.Message);
        await RefusalWriter.WriteAsync(context, refusal).ConfigureAwait(false);
    }

    private async Task StopLockedAsync()
    {
        if (_web is not { } web)
        {
            return;
        }

        (_web, Listening) = (null, "");
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2), time);
        await web.StopAsync(patience.Token).ConfigureAwait(false);
        await web.DisposeAsync().ConfigureAwait(false);
        _pipe?.Dispose();
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Endpoint + 11, LogLevel.Information, "The endpoint listens on {Address}")]
        public static partial void Listening(ILogger logger, string address);

        [LoggerMessage(EventIds.Endpoint + 12, LogLevel.Error, "The endpoint does not listen on {Address}: {Reason}")]
        public static partial void NotListening(ILogger logger, string address, string reason);

        [LoggerMessage(EventIds.Endpoint + 13, LogLevel.Information, "A request is answered {Status} by the agent itself. {Reason}")]
        public static partial void Refused(ILogger logger, int status, string reason);
    }
}
