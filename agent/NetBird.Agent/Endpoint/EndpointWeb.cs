using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using NetBird.Agent.Lifecycle;
using NetBird.Agent.Listening;
using NetBird.Agent.Tunnel;

namespace NetBird.Agent.Endpoint;

/// <summary>The web server behind the endpoint's doors: hands what comes to the handler. One for the plain form, one for the https form.</summary>
internal static class EndpointWeb
{
    /// <summary>Ours: answers that still stream when the endpoint moves or the agent ends.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <param name="name">Host name that is ours beside loopback; null without one.</param>
    public static SleepingServer Serve(
        IReadOnlyList<Door> doors, string? name, EndpointHandler handler, TunnelSupervisor tunnel, IdleMemory memory, TimeProvider time,
        ILoggerFactory logging)
    {
        return new SleepingServer(doors, Build, Patience, memory.ServerRests, time, logging);

        WebApplication Build(WebApplicationBuilder builder)
        {
            builder.Services.AddHttpForwarder();
            builder.Services.AddSingleton(tunnel);
            builder.Services.AddSingleton<OverlayPipe>();
            builder.WebHost.ConfigureKestrel(Unlimit);
            var web = builder.Build();
            var pipe = web.Services.GetRequiredService<OverlayPipe>();
            web.Run(context => handler.AnswerAsync(context, pipe, name));
            return web;
        }
    }

    /// <summary>A pipe has no limits of its own: the gateway has them.</summary>
    private static void Unlimit(KestrelServerOptions kestrel)
    {
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
