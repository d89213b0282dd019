using System.Net;
using System.Security.Cryptography;

namespace NetBird.WireGuard.Tests.Linux;

/// <summary>What networks do to a tunnel, with wireguard-go at the other end.</summary>
[Trait("Needs", "root")]
public sealed class HardshipTests
{
    private const int TheirPort = 21821;

    [SkippableTheory]
    [InlineData(1280, false)]
    [InlineData(1420, true)]
    public async Task Transfer_LossAndReordering_ArrivesIntact(int mtu, bool weSend)
    {
        Requires.Tunnels();
        Requires.Tools("wireguard-go", "wg", "ip", "socat", "sha256sum");
        using var ourKey = PrivateKey.Generate();
        using var theirKey = PrivateKey.Generate();
        using var go = new WireGuardGo(theirKey, "10.99.0.2/32", TheirPort, "10.99.0.0/16", mtu);
        await using var ours = await End.OpenAsync(ourKey, "10.99.0.1", mtu: mtu);
        await using var relay = new LossyRelay(go.Outside, go.EndPoint);
        go.SetPeer(ourKey, "10.99.0.1/32");
        ours.SetPeer(End.Peer(theirKey, "10.99.0.2", relay.EndPoint));

        // Begun by us, so that each end knows the other at the relay.
        _ = ours.Overlay.ConnectAsync(new IPEndPoint(IPAddress.Parse("10.99.0.2"), 9), default).AsTask().ContinueWith(
            done => done.Exception, TaskScheduler.Default);

        // 1 GiB in the long run; in every run enough for thousands of packets to be lost and reordered.
        var size = Fuzzing.IsLong ? 1L << 30 : 4L << 20;
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(Fuzzing.IsLong ? 30 : 2));
        var address = IPAddress.Parse("10.99.0.1");
        await using var listener = await ours.Overlay.ListenAsync(new IPEndPoint(address, 0), limit.Token);
        var accept = listener.AcceptAsync(limit.Token);
        var target = $"TCP4:10.99.0.1:{listener.LocalEndPoint.Port},connect-timeout=60";
        using var socat = go.StartIn(weSend
            ? $"socat -u {target} SYSTEM:sha256sum"
            : $"socat -u OPEN:/dev/zero,readbytes={size} {target}");
        var accepted = await accept;
        await using var stream = accepted!.Stream;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[1 << 16];
        if (weSend)
        {
            for (long sent = 0; sent < size; sent += buffer.Length)
            {
                RandomNumberGenerator.Fill(buffer);
                hash.AppendData(buffer);
                await stream.WriteAsync(buffer, limit.Token);
            }

            await stream.DisposeAsync();
            var theirs = await socat.StandardOutput.ReadToEndAsync(limit.Token);
            Assert.StartsWith(Convert.ToHexStringLower(hash.GetHashAndReset()), theirs, StringComparison.Ordinal);
            return;
        }

        long received = 0;
        for (int read; (read = await stream.ReadAsync(buffer, limit.Token)) > 0; received += read)
        {
            Assert.False(buffer.AsSpan(0, read).ContainsAnyExcept((byte)0));
        }

        Assert.Equal(size, received);
        Assert.True(relay.Lost > 0 && relay.Reordered > 0);
    }

    [SkippableFact]
    public async Task Roam_TheirAddressChanges_WeFollow()
    {
        Requires.Tunnels();
        Requires.Tools("wireguard-go", "wg", "ip", "ping");
        using var ourKey = PrivateKey.Generate();
        using var theirKey = PrivateKey.Generate();
        using var go = new WireGuardGo(theirKey, "10.99.0.2/32", TheirPort + 1, "10.99.0.0/16");
        await using var ours = await End.OpenAsync(ourKey, "10.99.0.1");
        ours.SetPeer(End.Peer(theirKey, "10.99.0.2"));
        go.SetPeer(ourKey, "10.99.0.1/32", new IPEndPoint(go.Outside, ours.ListenPort));
        go.In("ping -c 1 -W 5 10.99.0.1");
        Assert.Equal(go.Inside, Assert.Single(ours.GetPeers()).Endpoint!.Address);

        var moved = IPAddress.Parse(go.Inside.ToString()[..^1] + "77");
        go.In($"ip addr del {go.Inside}/24 dev eth0");
        go.In($"ip addr add {moved}/24 dev eth0");

        // wireguard-go keeps its old source address until an endpoint is set or 15 s pass.
        go.SetPeer(ourKey, "10.99.0.1/32", new IPEndPoint(go.Outside, ours.ListenPort));
        go.In("ping -c 5 -i 0.5 -W 5 10.99.0.1");

        Assert.Equal(moved, Assert.Single(ours.GetPeers()).Endpoint!.Address);
    }

    [SkippableFact]
    public async Task Restart_OfOurEnd_TheyComeBackByThemselves()
    {
        Requires.Tunnels();
        Requires.Tools("wireguard-go", "wg", "ip", "ping");
        using var ourKey = PrivateKey.Generate();
        using var theirKey = PrivateKey.Generate();
        using var go = new WireGuardGo(theirKey, "10.99.0.2/32", TheirPort + 2, "10.99.0.0/16");
        var first = await End.OpenAsync(ourKey, "10.99.0.1");
        var port = first.ListenPort;
        first.SetPeer(End.Peer(theirKey, "10.99.0.2"));
        go.SetPeer(ourKey, "10.99.0.1/32", new IPEndPoint(go.Outside, port));
        go.In("ping -c 1 -W 5 10.99.0.1");
        await first.DisposeAsync();

        await using var second = await End.OpenAsync(ourKey, "10.99.0.1", port);
        second.SetPeer(End.Peer(theirKey, "10.99.0.2"));

        // 15 s without an answer make wireguard-go begin again.
        go.In("ping -c 50 -i 0.5 -W 1 10.99.0.1");
        Assert.NotNull(Assert.Single(second.GetPeers()).LastHandshake);
    }

    [SkippableFact]
    public async Task Restart_OfTheirEnd_WeComeBackByOurselves()
    {
        Requires.Tunnels();
        Requires.Tools("wireguard-go", "wg", "ip", "ping");
        using var ourKey = PrivateKey.Generate();
        using var theirKey = PrivateKey.Generate();
        using var go = new WireGuardGo(theirKey, "10.99.0.2/32", TheirPort + 4, "10.99.0.0/16");
        await using var ours = await End.OpenAsync(ourKey, "10.99.0.1");
        ours.SetPeer(End.Peer(theirKey, "10.99.0.2", go.EndPoint));
        go.SetPeer(ourKey, "10.99.0.1/32", new IPEndPoint(go.Outside, ours.ListenPort));
        go.In("ping -c 1 -W 5 10.99.0.1");

        // They know the peer and not where it is: only we can begin again, and do so once what we send goes unanswered for 15 s.
        go.Restart();
        go.SetPeer(ourKey, "10.99.0.1/32");
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (go.LastHandshake() == 0)
        {
            await TryConnectAsync(ours, limit.Token);
            limit.Token.ThrowIfCancellationRequested();
        }

        go.In("ping -c 1 -W 5 10.99.0.1");
    }

    [SkippableFact]
    public async Task Roam_OurAddressChanges_TheyFollow()
    {
        Requires.Tunnels();
        Requires.Tools("wireguard-go", "wg", "ip", "ping");
        using var ourKey = PrivateKey.Generate();
        using var theirKey = PrivateKey.Generate();
        using var go = new WireGuardGo(theirKey, "10.99.0.2/32", TheirPort + 5, "10.99.0.0/16");
        await using var ours = await End.OpenAsync(ourKey, "10.99.0.1");
        // They first: an initiation that finds us unknown is dropped, and the next one comes 5 s later.
        go.SetPeer(ourKey, "10.99.0.1/32");
        ours.SetPeer(End.Peer(theirKey, "10.99.0.2", go.EndPoint, keepalive: 1));
        go.In("ping -c 1 -W 5 10.99.0.1");
        Assert.StartsWith($"{go.Outside}:", go.PeerEndpoint(), StringComparison.Ordinal);

        var moved = IPAddress.Parse(go.Outside.ToString()[..^1] + "88");
        Command.Run($"ip addr del {go.Outside}/24 dev {go.OutsideLink}");
        Command.Run($"ip addr add {moved}/24 dev {go.OutsideLink}");
        ours.NetworkChanged();
        go.In("ping -c 5 -i 0.5 -W 5 10.99.0.1");

        Assert.StartsWith($"{moved}:", go.PeerEndpoint(), StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Rekey_InRealTime_BothLiveOn(bool weBegin)
    {
        Requires.Tunnels();
        Requires.Tools("wireguard-go", "wg", "ip", "ping");
        Skip.IfNot(Fuzzing.IsLong, "takes over 4 minutes: NETBIRD_LONG=1");
        using var ourKey = PrivateKey.Generate();
        using var theirKey = PrivateKey.Generate();
        using var go = new WireGuardGo(theirKey, "10.99.0.2/32", TheirPort + 3, "10.99.0.0/16");
        await using var ours = await End.OpenAsync(ourKey, "10.99.0.1");
        go.SetPeer(ourKey, "10.99.0.1/32", weBegin ? null : new IPEndPoint(go.Outside, ours.ListenPort));
        ours.SetPeer(End.Peer(theirKey, "10.99.0.2", weBegin ? go.EndPoint : null));
        if (weBegin)
        {
            await TryConnectAsync(ours, default);
        }

        go.In("ping -c 1 -W 5 10.99.0.1");
        var first = Assert.Single(ours.GetPeers()).LastHandshake;

        Assert.Contains(" 0% packet loss", go.In("ping -c 520 -i 0.5 -W 5 10.99.0.1"));

        Assert.True(Assert.Single(ours.GetPeers()).LastHandshake - first > TimeSpan.FromSeconds(230));
    }

    /// <summary>A packet of ours to nobody's port: refused when it arrives.</summary>
    private static async Task TryConnectAsync(ITunnel ours, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(2));
        try
        {
            await using var stream = await ours.Overlay.ConnectAsync(new IPEndPoint(IPAddress.Parse("10.99.0.2"), 9), limit.Token);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
        }
    }
}
