using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using NetBird.Agent.Tunnel;
using Yarp.ReverseProxy.Forwarder;

namespace NetBird.Agent.Endpoint;

/// <summary>Listens, and hands what comes to the handler. One for the plain form, one for the https form.</summary>
internal sealed class EndpointListener : IAsyncDisposable
{
    private readonly WebApplication _web;
    private readonly OverlayPipe _pipe;
    private readonly TimeProvider _time;

    private EndpointListener(WebApplication web, OverlayPipe pipe, TimeProvider time) => (_web, _pipe, _time) = (web, pipe, time);

    /// <param name="listen">Says where.</param>
    /// <param name="name">Host name that is ours beside loopback; null without one.</param>
    /// <exception cref="IOException">It cannot listen there.</exception>
    public static async Task<EndpointListener> StartAsync(
        Action<KestrelServerOptions> listen, string? name, EndpointHandler handler, TunnelSupervisor tunnel, TimeProvider time,
        ILoggerFactory logging, CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton(logging);
        builder.Services.AddHttpForwarder();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            Unlimit(kestrel);
            listen(kestrel);
        });
        var web = builder.Build();
        var pipe = new OverlayPipe(web.Services.GetRequiredService<IHttpForwarder>(), tunnel);
        web.Run(context => handler.AnswerAsync(context, pipe, name));
        try
        {
            await web.StartAsync(cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            pipe.Dispose();
            await web.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        return new EndpointListener(web, pipe, time);
    }

    public async ValueTask DisposeAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2), _time);
        await _web.StopAsync(patience.Token).ConfigureAwait(false);
        await _web.DisposeAsync().ConfigureAwait(false);
        _pipe.Dispose();
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
}
