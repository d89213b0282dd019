using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using NetBird.WireGuard.Tests.Linux;

namespace NetBird.WireGuard.Tests.NetStack;

/// <summary>The rootless tunnel end to end: against itself, our TUN end, and wireguard-go with Linux's TCP.</summary>
public sealed class RootlessTunnelTests
{
    private const int UploadBytes = 32_000_000;
    private const int DownloadBytes = 200_000_000;
    private readonly CancellationToken _soon = new CancellationTokenSource(TimeSpan.FromSeconds(120)).Token;

    [SkippableTheory]
    [InlineData(TunnelKind.Rootless, TunnelKind.Rootless, false)]
    [InlineData(TunnelKind.Rootless, TunnelKind.Rootless, true)]
    [InlineData(TunnelKind.Rootless, TunnelKind.Userspace, false)]
    [InlineData(TunnelKind.Userspace, TunnelKind.Rootless, true)]
    public async Task Transfer_OverEngine_UploadAndDownloadArriveIntact(TunnelKind client, TunnelKind server, bool v6)
    {
        if (client != server)
        {
            Requires.Tunnels();
        }

        using var clientKey = PrivateKey.Generate();
        using var serverKey = PrivateKey.Generate();
        await using var near = await End.OpenAsync(clientKey, "10.99.0.1,fd99::1", kind: client);
        await using var far = await End.OpenAsync(serverKey, "10.99.0.2,fd99::2", kind: server);
        near.SetPeer(End.Peer(serverKey, "10.99.0.2,fd99::2", new IPEndPoint(IPAddress.Loopback, far.ListenPort)));
        far.SetPeer(End.Peer(clientKey, "10.99.0.1,fd99::1"));
        Assert.Equal((client, server), (near.Kind, far.Kind));

        await using var listener = await far.Overlay.ListenAsync(new IPEndPoint(IPAddress.Parse(v6 ? "fd99::2" : "10.99.0.2"), 0), _soon);
        var accepting = listener.AcceptAsync(_soon);
        await using var up = await near.Overlay.ConnectAsync(listener.LocalEndPoint, _soon);
        await using var down = (await accepting)!.Stream;

        await CompareAsync(from: up, to: down, UploadBytes, $"{client} to {server}");
        await CompareAsync(from: down, to: up, DownloadBytes, $"{server} to {client}");
    }

    [SkippableFact]
    public async Task Transfer_WithWireGuardGoAndLinuxTcp_ArrivesIntactBothWays()
    {
        Requires.Tunnels();
        Requires.Tools("wireguard-go", "wg", "ip", "socat", "sha256sum", "ping");
        using var ourKey = PrivateKey.Generate();
        using var theirKey = PrivateKey.Generate();
        using var go = new WireGuardGo(theirKey, "10.99.0.2/32,fd99::2/128", 23820);
        await using var ours = await End.OpenAsync(ourKey, "10.99.0.1,fd99::1", kind: TunnelKind.Rootless);
        ours.SetPeer(End.Peer(theirKey, "10.99.0.2,fd99::2", go.EndPoint));
        go.SetPeer(ourKey, "10.99.0.1/32,fd99::1/128", new IPEndPoint(go.Outside, ours.ListenPort));

        Assert.Contains(" 0% packet loss", go.In("ping -c 5 -i 0.02 -W 5 -M do -s 1392 10.99.0.1"));
        Assert.Contains(" 0% packet loss", go.In("ping -6 -c 5 -i 0.02 -W 5 -M do -s 1372 fd99::1"));

        // Upload: Linux listens, hashes what comes and answers with the hash.
        var data = Payload.Random(UploadBytes, 6);
        using var server = go.StartIn("socat -t 30 TCP6-LISTEN:23777,bind=[fd99::2],reuseaddr EXEC:sha256sum");
        await using (var stream = await ConnectAsync(ours, new IPEndPoint(IPAddress.Parse("fd99::2"), 23777)))
        {
            var clock = Stopwatch.StartNew();
            await Payload.SendAsync(stream, data, _soon);
            var answer = await new StreamReader(stream).ReadToEndAsync(_soon);
            Console.WriteLine($"rootless to wireguard-go: {UploadBytes * 8 / clock.Elapsed.TotalSeconds / 1e6:F0} Mbit/s");
            Assert.StartsWith(Convert.ToHexStringLower(SHA256.HashData(data)), answer, StringComparison.Ordinal);
        }

        // Download: we listen, Linux connects and sends a file.
        var file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        data = Payload.Random(DownloadBytes, 7);
        await File.WriteAllBytesAsync(file, data, _soon);
        try
        {
            await using var listener = await ours.Overlay.ListenAsync(new IPEndPoint(IPAddress.Parse("10.99.0.1"), 0), _soon);
            using var sender = go.StartIn($"socat -u OPEN:{file} TCP4:10.99.0.1:{listener.LocalEndPoint.Port}");
            var accepted = await listener.AcceptAsync(_soon);
            await using var stream = accepted!.Stream;
            var clock = Stopwatch.StartNew();
            var hash = await Payload.HashAsync(stream, _soon);
            Console.WriteLine($"wireguard-go to rootless: {DownloadBytes * 8L / clock.Elapsed.TotalSeconds / 1e6:F0} Mbit/s");
            Assert.Equal(SHA256.HashData(data), hash);
        }
        finally
        {
            File.Delete(file);
        }
    }

    /// <summary>
    /// RFC 8899 section 4.3: in the middle of a connection the way to the other end begins to drop large datagrams and says nothing, as
    /// when a route changes to one with a smaller MTU behind a firewall that eats ICMP.
    /// </summary>
    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Transfer_PathBeginsToDropLargeDatagrams_GoesOn(bool v6)
    {
        Requires.Tunnels();
        Requires.Tools("wireguard-go", "wg", "ip", "socat", "sha256sum", "nft");
        using var ourKey = PrivateKey.Generate();
        using var theirKey = PrivateKey.Generate();
        using var go = new WireGuardGo(theirKey, "10.99.0.2/32,fd99::2/128", 23821);
        await using var ours = await End.OpenAsync(ourKey, "10.99.0.1,fd99::1", kind: TunnelKind.Rootless);
        ours.SetPeer(End.Peer(theirKey, "10.99.0.2,fd99::2", new IPEndPoint(v6 ? go.Inside6 : go.Inside, go.Port)));
        go.SetPeer(ourKey, "10.99.0.1/32,fd99::1/128", new IPEndPoint(v6 ? go.Outside6 : go.Outside, ours.ListenPort));

        // Trains are cut before they reach the filter, which would drop them whole.
        Command.Run($"ip link set {go.OutsideLink} gso_max_segs 1");
        go.In("nft add table inet hole");
        go.In("nft add chain inet hole in { type filter hook input priority 0 ; }");
        using var server = go.StartIn(v6
            ? "socat -t 30 TCP6-LISTEN:23778,bind=[fd99::2],reuseaddr EXEC:sha256sum"
            : "socat -t 30 TCP4-LISTEN:23778,bind=10.99.0.2,reuseaddr EXEC:sha256sum");
        await using var stream = await ConnectAsync(ours, new IPEndPoint(IPAddress.Parse(v6 ? "fd99::2" : "10.99.0.2"), 23778));
        var data = Payload.Random(8_000_000, 9);
        await stream.WriteAsync(data.AsMemory(..4_000_000), _soon);

        // An outer path of 1280: 8 bytes of UDP and at most 1232 behind them.
        go.In("nft add rule inet hole in udp length gt 1240 counter drop");
        await stream.WriteAsync(data.AsMemory(4_000_000..), _soon);
        Payload.EndWrites(stream);

        var answer = await new StreamReader(stream).ReadToEndAsync(_soon);
        Assert.StartsWith(Convert.ToHexStringLower(SHA256.HashData(data)), answer, StringComparison.Ordinal);
        Assert.DoesNotContain("packets 0 ", go.In("nft list table inet hole"), StringComparison.Ordinal);
    }

    private async Task<Stream> ConnectAsync(ITunnel tunnel, IPEndPoint to)
    {
        while (true)
        {
            try
            {
                return await tunnel.Overlay.ConnectAsync(to, _soon);
            }
            catch (IOException)
            {
                // Not listening yet.
                await Task.Delay(50, _soon);
            }
        }
    }

    private async Task CompareAsync(Stream from, Stream to, int bytes, string what)
    {
        var data = Payload.Random(bytes, 1);
        var clock = Stopwatch.StartNew();
        var sending = Payload.SendAsync(from, data, _soon);
        var hash = await Payload.HashAsync(to, _soon);
        await sending;
        Console.WriteLine($"{what}: {bytes * 8L / clock.Elapsed.TotalSeconds / 1e6:F0} Mbit/s");
        Assert.Equal(SHA256.HashData(data), hash);
    }
}
