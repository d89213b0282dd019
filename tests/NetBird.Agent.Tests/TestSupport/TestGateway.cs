using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using NetBird.Protocol.Agent.V1;
using NetBird.WireGuard;
using PublicKey = NetBird.Primitives.PublicKey;

namespace NetBird.Agent.Tests.TestSupport;

/// <summary>
/// The far end of a real tunnel, in a namespace of its own, with an HTTP server on the overlay that answers as told. It
/// stands in for the gateway alone: the tunnel between is the product's.
/// </summary>
internal sealed class TestGateway : IAsyncDisposable
{
    public static readonly IPNetwork Overlay = IPNetwork.Parse("100.64.0.0/16");

    private readonly PrivateKey _key;
    private readonly ConcurrentDictionary<PublicKey, IPAddress> _peers = [];
    private TaskCompletionSource _goesOn = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ITunnel? _tunnel;
    private WebApplication? _web;

    private TestGateway(IPAddress address, int port, PrivateKey key)
    {
        Address = address;
        Port = port;
        _key = key;
        _goesOn.SetResult();
    }

    public IPAddress Address { get; }

    public int Port { get; private set; }

    /// <summary>To every request but the question whether anybody is there, which a gateway answers by itself.</summary>
    public RequestDelegate Answer { get; set; } = context => context.Response.WriteAsync("hello");

    /// <summary>An answer that begins and does not go on: one event, and silence until the caller leaves.</summary>
    public static async Task OneEventAsync(HttpContext context)
    {
        await context.Response.WriteAsync("data: 1\n\n");
        await context.Response.Body.FlushAsync();
        await Task.Delay(Timeout.Infinite, context.RequestAborted);
    }

    public static void RequireRoot() => Skip.If(!OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess || !File.Exists("/dev/net/tun"), "needs root and /dev/net/tun");

    public static async Task<TestGateway> StartAsync(string address = "100.64.0.1")
    {
        RequireRoot();
        var gateway = new TestGateway(IPAddress.Parse(address), Ports.FreeUdp(), PrivateKey.Generate());
        await gateway.RestartAsync();
        return gateway;
    }

    /// <summary>As after a crash: same key and port, no session.</summary>
    public async Task RestartAsync()
    {
        await StopAsync();
        _tunnel = await NetBird.WireGuard.Tunnel.OpenAsync(
            new TunnelOptions
            {
                InterfaceName = string.Create(CultureInfo.InvariantCulture, $"agt{Environment.ProcessId % 100000}g{Port % 1000}"),
                PrivateKey = _key,
                ListenPort = Port,
                Addresses = [Address],
                Routes = [Overlay],
                Kind = TunnelKind.Userspace,
                Time = TimeProvider.System,
                Logging = NullLoggerFactory.Instance,
            },
            CancellationToken.None);
        foreach (var (peer, address) in _peers)
        {
            Admit(peer, address);
        }

        var listener = await _tunnel.Overlay.ListenAsync(new IPEndPoint(Address, 80), CancellationToken.None);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseSockets(sockets => sockets.CreateBoundListenSocket = _ => listener.Socket!).ConfigureKestrel(kestrel =>
        {
            kestrel.RequestHeaderEncodingSelector = _ => System.Text.Encoding.Latin1;
            kestrel.ResponseHeaderEncodingSelector = _ => System.Text.Encoding.Latin1;
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Listen(new IPEndPoint(Address, 80), listen =>
            {
                listen.Protocols = HttpProtocols.Http1;
                listen.Use(next => async connection =>
                {
                    await _goesOn.Task;
                    await next(connection);
                });
            });
        });
        _web = builder.Build();
        _web.Run(async context =>
        {
            await _goesOn.Task;
            if (context.Request.Method != "HEAD" || context.Request.Path != "/api/hello")
            {
                await Answer(context);
            }
        });
        await _web.StartAsync();
    }

    /// <summary>Its program stands still; the tunnel and the kernel, which takes connections, go on.</summary>
    public void Hang() => _goesOn = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Resume() => _goesOn.TrySetResult();

    public void Admit(PublicKey peer, IPAddress address)
    {
        _peers[peer] = address;
        _tunnel!.SetPeer(new PeerConfiguration { PublicKey = peer, AllowedIPs = [new IPNetwork(address, 32)] });
    }

    public Gateway Describe() => new()
    {
        PublicKey = _key.PublicKey.ToString(),
        Endpoint = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{Port}"),
        OverlayAddress = Address.ToString(),
        HttpPort = 80,
        AllowedIps = { $"{Address}/32" },
        PersistentKeepalive = 25,
    };

    public async Task StopAsync()
    {
        Resume();
        if (_tunnel is { } tunnel)
        {
            _tunnel = null;
            await tunnel.DisposeAsync();
        }

        if (_web is { } web)
        {
            _web = null;
            using var now = new CancellationTokenSource(TimeSpan.FromMilliseconds(50));
            await web.StopAsync(now.Token);
            await web.DisposeAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _key.Dispose();
    }
}
