using System.Net;
using System.Security.Cryptography;

namespace NetBird.WireGuard.Tests.Linux;

/// <summary>Against wireguard-go, configured with wg(8).</summary>
[Trait("Needs", "root")]
public sealed class InteroperationTests
{
    private const string OurAddresses = "10.99.0.1,fd99::1";
    private const string TheirAddresses = "10.99.0.2/32,fd99::2/128";
    private const int TheirPort = 21820;

    [SkippableTheory]
    [InlineData(true, false, false)]
    [InlineData(false, true, false)]
    [InlineData(true, true, true)]
    [InlineData(false, false, true)]
    public async Task Transfer_WithWireGuardGo_BothFamiliesBothWays(bool weBegin, bool withPresharedKey, bool outerV6)
    {
        Requires.Tunnels();
        Requires.Tools("wireguard-go", "wg", "ip", "ping", "socat");
        using var ourKey = PrivateKey.Generate();
        using var theirKey = PrivateKey.Generate();
        var psk = withPresharedKey ? RandomNumberGenerator.GetBytes(32) : null;
        using var go = new WireGuardGo(theirKey, TheirAddresses, TheirPort);
        await using var ours = await End.OpenAsync(ourKey, OurAddresses);
        go.SetPeer(ourKey, "10.99.0.1/32,fd99::1/128", weBegin ? null : new IPEndPoint(outerV6 ? go.Outside6 : go.Outside, ours.ListenPort), psk);
        ours.SetPeer(End.Peer(theirKey, TheirAddresses, weBegin ? new IPEndPoint(outerV6 ? go.Inside6 : go.Inside, go.Port) : null, psk));

        if (weBegin)
        {
            // Our first packet makes the handshake: a server of theirs, a client of ours.
            await ExpectFromTheirServerAsync(go, ours, "10.99.0.2");
            await ExpectFromTheirServerAsync(go, ours, "fd99::2");
        }

        // The first packet may be lost while the cable comes up, and the handshake that it wants is tried again after 5 s.
        _ = Command.TryRun($"ip netns exec {go.Namespace} ping -c 1 -W 15 10.99.0.1");

        // The kernel in our namespace answers pings, so each shows a packet both ways.
        foreach (var size in (int[])[56, 1392])
        {
            ExpectNoLoss(go, $"ping -c 5 -i 0.02 -W 5 -M do -s {size} 10.99.0.1");
        }

        ExpectNoLoss(go, "ping -6 -c 5 -i 0.02 -W 5 -M do -s 1372 fd99::1");
        if (!weBegin)
        {
            await ExpectFromTheirServerAsync(go, ours, "10.99.0.2");
            await ExpectFromTheirServerAsync(go, ours, "fd99::2");
        }

        Assert.True(go.LastHandshake() > 0);
        Assert.Equal(outerV6 ? go.Inside6 : go.Inside, Assert.Single(ours.GetPeers()).Endpoint!.Address);
    }

    /// <summary>The cable drops packets while it looks for its neighbour, so that the first rounds may lose one; what we lose, we lose in all.</summary>
    private static void ExpectNoLoss(WireGuardGo go, string ping)
    {
        var last = "";
        Assert.True(
            Enumerable.Range(0, 5).Any(_ => (last = Command.TryRun($"ip netns exec {go.Namespace} {ping}").Output).Contains(" 0% packet loss", StringComparison.Ordinal)),
            last);
    }

    [SkippableFact]
    public async Task Transfer_WrongPresharedKey_NeverConnects()
    {
        Requires.Tunnels();
        Requires.Tools("wireguard-go", "wg", "ip", "ping");
        using var ourKey = PrivateKey.Generate();
        using var theirKey = PrivateKey.Generate();
        using var go = new WireGuardGo(theirKey, TheirAddresses, TheirPort);
        await using var ours = await End.OpenAsync(ourKey, OurAddresses);
        ours.SetPeer(End.Peer(theirKey, TheirAddresses, go.EndPoint, RandomNumberGenerator.GetBytes(32)));
        go.SetPeer(ourKey, "10.99.0.1/32", new IPEndPoint(go.Outside, ours.ListenPort), RandomNumberGenerator.GetBytes(32));

        Assert.NotEqual(0, Command.TryRun($"ip netns exec {go.Namespace} ping -c 1 -W 1 10.99.0.1").Code);
        Assert.Null(Assert.Single(ours.GetPeers()).LastHandshake);
    }

    // socat echoes in their namespace; we send and compare.
    private static async Task ExpectFromTheirServerAsync(WireGuardGo go, ITunnel ours, string address)
    {
        var v6 = address.Contains(':', StringComparison.Ordinal);
        using var server = go.StartIn(
            v6 ? $"socat TCP6-LISTEN:7777,bind=[{address}],reuseaddr EXEC:cat" : $"socat TCP4-LISTEN:7777,bind={address},reuseaddr EXEC:cat");
        try
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
            Stream? stream = null;
            while (stream is null)
            {
                try
                {
                    stream = await ours.Overlay.ConnectAsync(new IPEndPoint(IPAddress.Parse(address), 7777), limit.Token);
                }
                catch (IOException)
                {
                    // Not listening yet.
                    await Task.Delay(50, limit.Token);
                }
            }

            await using (stream)
            {
                var sent = RandomNumberGenerator.GetBytes(1_000_000);
                var received = new byte[sent.Length];
                var write = stream.WriteAsync(sent, limit.Token);
                await stream.ReadExactlyAsync(received, limit.Token);
                await write;
                Assert.Equal(sent, received);
            }
        }
        finally
        {
            if (!server.HasExited)
            {
                server.Kill(entireProcessTree: true);
            }
        }
    }
}
