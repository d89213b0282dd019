using System.Net;
using System.Security.Cryptography;

namespace NetBird.WireGuard.Tests.Linux;

/// <summary>Every MTU from the least that IPv6 allows (RFC 8200 section 5) to WireGuard's usual one, against wireguard-go.</summary>
[Trait("Needs", "root")]
public sealed class MtuTests
{
    private const int TheirPort = 21830;

    [SkippableTheory]
    [InlineData(1280, false)]
    [InlineData(1281, true)]
    [InlineData(1300, false)]
    [InlineData(1384, true)]
    [InlineData(1400, false)]
    [InlineData(1420, false)]
    [InlineData(1420, true)]
    public async Task Carry_PacketsOfTheMtu_PassWholeInBothFamiliesBothWays(int mtu, bool outerV6)
    {
        Requires.Tunnels();
        Requires.Tools("wireguard-go", "wg", "ip", "ping");
        using var ourKey = PrivateKey.Generate();
        using var theirKey = PrivateKey.Generate();
        using var go = new WireGuardGo(theirKey, "10.99.0.2/32,fd99::2/128", TheirPort, mtu: mtu);
        await using var ours = await End.OpenAsync(ourKey, "10.99.0.1,fd99::1", mtu: mtu);
        ours.SetPeer(End.Peer(theirKey, "10.99.0.2,fd99::2"));
        go.SetPeer(ourKey, "10.99.0.1/32,fd99::1/128", new IPEndPoint(outerV6 ? go.Outside6 : go.Outside, ours.ListenPort));
        Assert.Contains(" bytes from ", go.In("ping -c 1 -W 15 10.99.0.1"), StringComparison.Ordinal);

        foreach (var (family, address, headers) in (ReadOnlySpan<(string, string, int)>)[("", "10.99.0.1", 28), ("-6 ", "fd99::1", 48)])
        {
            // The kernel in our namespace answers with as much, so each shows a whole packet both ways; around it sizes that are padded.
            foreach (var less in (int[])[0, 1, 15, 16])
            {
                var size = mtu - headers - less;
                Assert.Contains(
                    $"{size + 8} bytes from ", go.In($"ping {family}-c 3 -i 0.05 -W 5 -M do -s {size} {address}"), StringComparison.Ordinal);
            }

            Assert.DoesNotContain(
                " bytes from ", Command.TryRun($"ip netns exec {go.Namespace} ping {family}-c 1 -W 1 -M do -s {mtu - headers + 1} {address}").Output,
                StringComparison.Ordinal);
        }

        // And TCP, whose segments the kernels size by it, with offloads at our end.
        foreach (var address in (string[])["10.99.0.1", "fd99::1"])
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
            await using var listener = await ours.Overlay.ListenAsync(new IPEndPoint(IPAddress.Parse(address), 0), limit.Token);
            var accepting = listener.AcceptAsync(limit.Token);
            var target = address.Contains(':', StringComparison.Ordinal) ? $"TCP6:[{address}]" : $"TCP4:{address}";
            using var echo = go.StartIn($"socat {target}:{listener.LocalEndPoint.Port} EXEC:cat");
            var accepted = await accepting;
            await using var stream = accepted!.Stream;
            var sent = RandomNumberGenerator.GetBytes(500_000);
            var received = new byte[sent.Length];
            var writing = stream.WriteAsync(sent, limit.Token);
            await stream.ReadExactlyAsync(received, limit.Token);
            await writing;
            Assert.Equal(sent, received);
        }
    }
}
