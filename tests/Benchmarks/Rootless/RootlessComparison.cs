using System.Diagnostics;
using System.Globalization;
using System.Net;
using Benchmarks.Tunnel;
using Microsoft.Extensions.Logging.Abstractions;
using NetBird.WireGuard;

namespace Benchmarks.Rootless;

/// <summary>
/// The same traffic through rootless ends, our TUN ends, wireguard-go's, and pairs of two of them, in one run: one and four
/// streams, a small request, memory of an idle connection. The same program drives all of them; wireguard-go is a process of its own
/// whose interface is used by --tunnel external, with the kernel's TCP.
/// </summary>
internal static class RootlessComparison
{
    private const int RequestBytes = 300;
    private const int Requests = 3_000;
    private const int IdleConnections = 500;
    private static readonly IPAddress s_near = IPAddress.Parse("10.195.0.1");
    private static readonly IPAddress s_far = IPAddress.Parse("10.195.0.2");

    public static async Task<int> RunAsync(string[] args)
    {
        var seconds = args is ["--seconds", var text] ? int.Parse(text, CultureInfo.InvariantCulture) : 3;
        Console.WriteLine($"{"pair",-22}{"1 up",8}{"1 down",8}{"4 up",8}{"4 down",8} Gbit/s {"request p50",12}{"p99",8} us {"idle KiB",10}");
        await MeasurePairAsync("rootless - rootless", TunnelKind.Rootless, TunnelKind.Rootless, seconds);
        await MeasurePairAsync("rootless - TUN", TunnelKind.Rootless, TunnelKind.Userspace, seconds);
        await MeasurePairAsync("TUN - TUN", TunnelKind.Userspace, TunnelKind.Userspace, seconds);
        if (File.Exists("/usr/bin/wireguard-go"))
        {
            await MeasurePairAsync("rootless - go", TunnelKind.Rootless, TunnelKind.External, seconds);
            await MeasurePairAsync("TUN - go", TunnelKind.Userspace, TunnelKind.External, seconds);
            await MeasurePairAsync("go - go", TunnelKind.External, TunnelKind.External, seconds);
        }

        return 0;
    }

    private static async Task MeasurePairAsync(string name, TunnelKind client, TunnelKind server, int seconds)
    {
        using var nearProgram = client == TunnelKind.External ? new ExternalProgram(NameOf("bnra")) : null;
        using var farProgram = server == TunnelKind.External ? new ExternalProgram(NameOf("bnrb")) : null;
        using var nearKey = PrivateKey.Generate();
        using var farKey = PrivateKey.Generate();
        await using var near = await OpenAsync(nearKey, s_near, client, "bnra");
        await using var far = await OpenAsync(farKey, s_far, server, "bnrb");
        near.SetPeer(Peer(farKey, s_far, far.ListenPort));
        far.SetPeer(Peer(nearKey, s_near, near.ListenPort));
        await using var listener = await far.Overlay.ListenAsync(new IPEndPoint(s_far, 0), default);

        _ = await ThroughputAsync(near, listener, 1, upwards: true, 2);
        var oneUp = await ThroughputAsync(near, listener, 1, upwards: true, seconds);
        var oneDown = await ThroughputAsync(near, listener, 1, upwards: false, seconds);
        var fourUp = await ThroughputAsync(near, listener, 4, upwards: true, seconds);
        var fourDown = await ThroughputAsync(near, listener, 4, upwards: false, seconds);
        var times = await RequestsAsync(near, listener);
        var idle = await IdleAsync(near, listener);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{name,-22}{oneUp,8:F2}{oneDown,8:F2}{fourUp,8:F2}{fourDown,8:F2}        {times[times.Length / 2],12:F0}{times[times.Length * 99 / 100],8:F0}    {idle,10:F1}"));
    }

    private static Task<ITunnel> OpenAsync(PrivateKey key, IPAddress address, TunnelKind kind, string name)
        => NetBird.WireGuard.Tunnel.OpenAsync(
            new TunnelOptions
            {
                InterfaceName = NameOf(name),
                NamespacePath = kind == TunnelKind.External ? $"/run/netns/{NameOf(name)}" : null,
                PrivateKey = key,
                Addresses = [address],
                Routes = [IPNetwork.Parse("10.195.0.0/24")],
                Kind = kind,
                Time = TimeProvider.System,
                Logging = NullLoggerFactory.Instance,
            },
            default);

    private static string NameOf(string end) => $"{end}{Environment.ProcessId % 100_000}";

    private static PeerConfiguration Peer(PrivateKey key, IPAddress address, int port) => new()
    {
        PublicKey = key.PublicKey,
        AllowedIPs = [new IPNetwork(address, 32)],
        Endpoint = new IPEndPoint(IPAddress.Loopback, port),
    };

    private static async Task<double> ThroughputAsync(ITunnel near, IOverlayListener listener, int streams, bool upwards, int seconds)
    {
        var pairs = new List<(Stream Near, Stream Far)>();
        for (var i = 0; i < streams; i++)
        {
            pairs.Add(await ConnectAsync(near, listener));
        }

        var clock = Stopwatch.StartNew();
        var counts = await Task.WhenAll(pairs.Select(pair => Task.Run(() => upwards
            ? PumpAsync(pair.Near, pair.Far, clock, seconds)
            : PumpAsync(pair.Far, pair.Near, clock, seconds))));
        var took = clock.Elapsed.TotalSeconds;
        foreach (var (one, other) in pairs)
        {
            await one.DisposeAsync();
            await other.DisposeAsync();
        }

        return counts.Sum() * 8 / took / 1e9;
    }

    private static async Task<long> PumpAsync(Stream from, Stream to, Stopwatch clock, int seconds)
    {
        var data = new byte[128 * 1024];
        var writing = Task.Run(async () =>
        {
            var written = 0L;
            while (clock.Elapsed.TotalSeconds < seconds)
            {
                await from.WriteAsync(data);
                written += data.Length;
            }

            return written;
        });
        var buffer = new byte[128 * 1024];
        var received = 0L;
        while (!writing.IsCompleted || received < await writing)
        {
            received += await to.ReadAsync(buffer);
        }

        return received;
    }

    private static async Task<double[]> RequestsAsync(ITunnel near, IOverlayListener listener)
    {
        var (client, server) = await ConnectAsync(near, listener);
        await using var clientEnd = client;
        await using var serverEnd = server;
        var serving = Task.Run(async () =>
        {
            var request = new byte[RequestBytes];
            for (var i = 0; i < Requests; i++)
            {
                await server.ReadExactlyAsync(request);
                await server.WriteAsync(request);
            }
        });
        var times = new double[Requests];
        var answer = new byte[RequestBytes];
        for (var i = 0; i < Requests; i++)
        {
            var began = Stopwatch.GetTimestamp();
            await client.WriteAsync(answer);
            await client.ReadExactlyAsync(answer);
            times[i] = Stopwatch.GetElapsedTime(began).TotalMicroseconds;
        }

        await serving;
        Array.Sort(times);
        return times;
    }

    /// <summary>Managed memory of an idle connection, both its ends together; the kernel's own is not seen.</summary>
    private static async Task<double> IdleAsync(ITunnel near, IOverlayListener listener)
    {
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var pairs = new List<(Stream Near, Stream Far)>();
        for (var i = 0; i < IdleConnections; i++)
        {
            pairs.Add(await ConnectAsync(near, listener));
        }

        var used = GC.GetTotalMemory(forceFullCollection: true) - before;
        foreach (var (one, other) in pairs)
        {
            await one.DisposeAsync();
            await other.DisposeAsync();
        }

        return used / 1024.0 / IdleConnections;
    }

    private static async Task<(Stream Near, Stream Far)> ConnectAsync(ITunnel near, IOverlayListener listener)
    {
        var accepting = listener.AcceptAsync(default).AsTask();
        var client = await near.Overlay.ConnectAsync(listener.LocalEndPoint, default);
        return (client, (await accepting)!.Stream);
    }
}
