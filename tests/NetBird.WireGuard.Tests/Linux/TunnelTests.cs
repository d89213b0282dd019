using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace NetBird.WireGuard.Tests.Linux;

/// <summary>Both ends ours, each in a namespace of its own, with the outer packets over loopback.</summary>
[Trait("Needs", "root")]
public sealed class TunnelTests
{
    [SkippableTheory]
    [InlineData("10.99.0.1", "10.99.0.2", "127.0.0.1")]
    [InlineData("fd99::1", "fd99::2", "127.0.0.1")]
    [InlineData("10.99.0.1", "10.99.0.2", "::1")]
    public async Task Connect_EitherWay_CarriesBytes(string first, string second, string outer)
    {
        Requires.Tunnels();
        using var firstKey = PrivateKey.Generate();
        using var secondKey = PrivateKey.Generate();
        await using var one = await End.OpenAsync(firstKey, first);
        await using var two = await End.OpenAsync(secondKey, second);
        var psk = RandomNumberGenerator.GetBytes(32);
        one.SetPeer(End.Peer(secondKey, second, psk: psk));
        two.SetPeer(End.Peer(firstKey, first, new IPEndPoint(IPAddress.Parse(outer), one.ListenPort), psk));
        var sent = RandomNumberGenerator.GetBytes(2_000_000);

        Assert.Equal(sent, await End.EchoAsync(two.Overlay, one.Overlay, IPAddress.Parse(first), sent));
        Assert.Equal(sent, await End.EchoAsync(one.Overlay, two.Overlay, IPAddress.Parse(second), sent));

        var status = Assert.Single(one.GetPeers());
        Assert.Equal(two.ListenPort, status.Endpoint!.Port);
        Assert.NotNull(status.LastHandshake);
        Assert.True(status.ReceivedBytes > sent.Length && status.SentBytes > sent.Length);
        Assert.Equal(secondKey.PublicKey, one.FindPeer(IPAddress.Parse(second)));
        Assert.Equal(TunnelKind.Userspace, one.Kind);
    }

    [SkippableFact]
    public async Task Open_OwnNamespace_IsNotSeenOutside()
    {
        Requires.Tunnels();
        using var key = PrivateKey.Generate();
        await using var tunnel = await End.OpenAsync(key, "10.99.0.1");

        Assert.DoesNotContain(NetworkInterface.GetAllNetworkInterfaces(), i => i.Name == tunnel.InterfaceName);
        await using var listener = await tunnel.Overlay.ListenAsync(new IPEndPoint(IPAddress.Parse("10.99.0.1"), 0), default);
        using var outside = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        using var limit = new CancellationTokenSource(300);
        await Assert.ThrowsAnyAsync<Exception>(async () => await outside.ConnectAsync(listener.LocalEndPoint, limit.Token));

        // The way in, which shows that the listener is there.
        await using var inside = await tunnel.Overlay.ConnectAsync(listener.LocalEndPoint, default);
    }

    [SkippableFact]
    public async Task Dispose_HostNamespace_RemovesTheInterface()
    {
        Requires.Tunnels();
        using var key = PrivateKey.Generate();
        var tunnel = await End.OpenAsync(key, "10.99.77.1", ownNamespace: false, routes: "10.99.77.0/24");
        var name = tunnel.InterfaceName;
        Assert.Contains("10.99.77.1", Command.Run($"ip addr show {name}"));
        Assert.Contains("10.99.77.0/24", Command.Run($"ip route show dev {name}"));

        await tunnel.DisposeAsync();

        Assert.NotEqual(0, Command.TryRun($"ip link show {name}").Code);
    }

    [SkippableFact]
    public async Task Open_TakenPort_SaysSo()
    {
        Requires.Tunnels();
        using var key = PrivateKey.Generate();
        await using var first = await End.OpenAsync(key, "10.99.0.1");

        var refusal = await Assert.ThrowsAsync<TunnelException>(() => End.OpenAsync(key, "10.99.0.1", first.ListenPort));

        Assert.Contains($"UDP port {first.ListenPort} is taken", refusal.Message);
    }

    [SkippableFact]
    public async Task Open_TakenName_SaysSo()
    {
        Requires.Tunnels();
        using var key = PrivateKey.Generate();
        await using var first = await End.OpenAsync(key, "10.99.78.1", ownNamespace: false, routes: "");

        var refusal = await Assert.ThrowsAsync<TunnelException>(
            () => End.OpenAsync(key, "10.99.78.2", ownNamespace: false, routes: "", name: first.InterfaceName));

        Assert.Contains($"{first.InterfaceName} exists already", refusal.Message);
    }

    [SkippableFact]
    public async Task Open_ManyTunnels_PoolThreadsStayOutside()
    {
        Requires.Tunnels();
        using var key = PrivateKey.Generate();
        await using var tunnel = await End.OpenAsync(key, "10.99.0.1");
        var outside = File.ResolveLinkTarget("/proc/self/ns/net", false)!.Name;
        for (var i = 0; i < 20; i++)
        {
            await using var listener = await tunnel.Overlay.ListenAsync(new IPEndPoint(IPAddress.Parse("10.99.0.1"), 0), default);
            await using var stream = await tunnel.Overlay.ConnectAsync(listener.LocalEndPoint, default);
        }

        // A thread that inherited the namespace stays there; another test's may be inside for the moment in which it makes a socket.
        // The JIT's own thread may have been started from inside; it makes no sockets and ends by itself.
        var inside = ThreadsInside();
        for (var look = 0; look < 100 && inside.Count > 0; look++)
        {
            await Task.Delay(50);
            inside.IntersectWith(ThreadsInside());
        }

        Assert.Empty(inside);

        HashSet<string> ThreadsInside() => [.. Directory.GetDirectories("/proc/self/task")
            .Where(task => Link(Path.Combine(task, "ns/net")) is { } space && space != outside)
            .Where(task => !Read(Path.Combine(task, "comm")).Contains("Tiered", StringComparison.Ordinal))];

        static string Read(string path)
        {
            try
            {
                return File.ReadAllText(path);
            }
            catch (IOException)
            {
                return "";
            }
        }

        static string? Link(string path)
        {
            try
            {
                return File.ResolveLinkTarget(path, false)?.Name;
            }
            catch (IOException)
            {
                return null;
            }
        }
    }
}
