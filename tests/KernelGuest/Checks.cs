using System.Diagnostics;
using System.Net;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using NetBird.Primitives;
using NetBird.WireGuard;
using NetBird.WireGuard.Standalone;

namespace KernelGuest;

/// <summary>What only a kernel with WireGuard can show.</summary>
internal static class Checks
{
    private static readonly IPAddress KernelAddress = IPAddress.Parse("10.99.0.1");
    private static readonly IPAddress KernelAddress6 = IPAddress.Parse("fd99::1");
    private static readonly IPAddress OtherAddress = IPAddress.Parse("10.99.0.2");
    private static readonly IPAddress OtherAddress6 = IPAddress.Parse("fd99::2");
    private static int s_port = 22100;

    public static IEnumerable<(string Name, Func<CancellationToken, Task<string>> Run)> All =>
    [
        ("kernel-to-kernel", stop => TransferAsync(TunnelKind.Kernel, TunnelKind.Kernel, IPAddress.Loopback, preshared: false, v6: false, stop)),
        ("kernel-to-userspace", stop => TransferAsync(TunnelKind.Kernel, TunnelKind.Userspace, IPAddress.Loopback, preshared: false, v6: false, stop)),
        ("userspace-to-kernel", stop => TransferAsync(TunnelKind.Userspace, TunnelKind.Kernel, IPAddress.Loopback, preshared: false, v6: false, stop)),
        ("kernel-to-userspace-ipv6-preshared", stop => TransferAsync(TunnelKind.Kernel, TunnelKind.Userspace, IPAddress.IPv6Loopback, preshared: true, v6: true, stop)),
        ("many-peers", ManyPeersAsync),
        ("many-prefixes", ManyPrefixesAsync),
        ("wg-agrees", WgAgreesAsync),
        ("plain-interface", PlainInterfaceAsync),
        ("network-changed", NetworkChangedAsync),
        ("removed-when-disposed", RemovedWhenDisposedAsync),
        ("left-behind-is-removed", LeftBehindIsRemovedAsync),
        ("others-interface-is-kept", OthersInterfaceIsKeptAsync),
        ("port-taken", PortTakenAsync),
        ("killed-at-any-moment-own-namespace", stop => KilledAsync(own: true, stop)),
        ("killed-at-any-moment-host-namespace", stop => KilledAsync(own: false, stop)),
    ];

    /// <summary>Opens an interface and holds it until it is killed, or told by SIGTERM to end.</summary>
    public static async Task HoldAsync(string name, TunnelKind kind, bool ownNamespace, int port)
    {
        using var told = new CancellationTokenSource();
        using var signal = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            told.Cancel();
        });
        using var key = PrivateKey.Generate();
        await using var tunnel = await OpenHeldAsync(kind, key, name, ownNamespace, port, CancellationToken.None);
        Console.WriteLine("holding");
        try
        {
            await Task.Delay(Timeout.Infinite, told.Token);
        }
        catch (OperationCanceledException)
        {
        }
    }

    /// <summary>The first of the two calls: it sends the initiation.</summary>
    private static async Task<string> TransferAsync(
        TunnelKind caller, TunnelKind callee, IPAddress outer, bool preshared, bool v6, CancellationToken stop)
    {
        const int Bytes = 2 * 1024 * 1024;
        using var callerKey = PrivateKey.Generate();
        using var calleeKey = PrivateKey.Generate();
        var secret = preshared ? RandomNumberGenerator.GetBytes(32) : null;
        var (near, far) = v6 ? (KernelAddress6, OtherAddress6) : (KernelAddress, OtherAddress);
        await using var one = await OpenAsync(caller, callerKey, [near], stop);
        await using var two = await OpenAsync(callee, calleeKey, [far], stop);
        Require(one.Kind == caller && two.Kind == callee, $"kinds are {one.Kind} and {two.Kind}");

        // Only the caller knows where the other is: the callee learns it from the handshake.
        one.SetPeer(Peer(calleeKey, far, new IPEndPoint(outer, two.ListenPort), secret));
        two.SetPeer(Peer(callerKey, near, null, secret));
        await using var listener = await two.Overlay.ListenAsync(new IPEndPoint(far, 8080), stop);
        var sent = RandomNumberGenerator.GetBytes(Bytes);
        var answering = AnswerAsync(listener, Bytes, stop);

        await using var stream = await one.Overlay.ConnectAsync(new IPEndPoint(far, 8080), stop);
        var returned = new byte[Bytes];
        await Task.WhenAll(stream.WriteAsync(sent, stop).AsTask(), stream.ReadExactlyAsync(returned, stop).AsTask());
        var from = await answering;

        Require(returned.AsSpan().SequenceEqual(sent), "what came back is not what was sent");
        Require(from.Equals(near), $"the call came from {from}");
        Require(two.FindPeer(near) == callerKey.PublicKey, "the callee does not know whose address it is");
        foreach (var (tunnel, peer) in (ReadOnlySpan<(ITunnel, PublicKey)>)[(one, calleeKey.PublicKey), (two, callerKey.PublicKey)])
        {
            var status = tunnel.GetPeers().Single();
            Require(status.PublicKey == peer, "a peer has another key");
            Require(status.LastHandshake is { } at && (TimeProvider.System.GetUtcNow() - at).Duration() < TimeSpan.FromMinutes(1), $"last handshake is {status.LastHandshake}");
            Require(status.ReceivedBytes > Bytes && status.SentBytes > Bytes, $"counted {status.ReceivedBytes} in, {status.SentBytes} out");
            Require(status.Endpoint is not null, "a peer has no endpoint");
        }

        return "2 MiB each way";
    }

    private static async Task<IPAddress> AnswerAsync(IOverlayListener listener, int bytes, CancellationToken stop)
    {
        var connection = await listener.AcceptAsync(stop) ?? throw new InvalidOperationException("nobody called");
        await using var stream = connection.Stream;
        var buffer = new byte[64 * 1024];
        for (var done = 0; done < bytes;)
        {
            var read = await stream.ReadAsync(buffer, stop);
            Require(read > 0, "the call ended early");
            await stream.WriteAsync(buffer.AsMemory(0, read), stop);
            done += read;
        }

        return connection.Remote.Address;
    }

    private static async Task<string> ManyPeersAsync(CancellationToken stop)
    {
        const int Count = 300;
        using var key = PrivateKey.Generate();
        await using var tunnel = await OpenAsync(TunnelKind.Kernel, key, [KernelAddress], stop);
        for (var i = 0; i < Count; i++)
        {
            tunnel.SetPeer(new PeerConfiguration
            {
                PublicKey = KeyOf(i),
                AllowedIPs = [new IPNetwork(AddressOf(i), 32)],
                PersistentKeepalive = TimeSpan.FromSeconds(i % 100),
            });
        }

        var peers = tunnel.GetPeers().ToDictionary(peer => peer.PublicKey);
        Require(peers.Count == Count, $"{peers.Count} peers are read back");
        for (var i = 0; i < Count; i++)
        {
            Require(peers[KeyOf(i)].AllowedIPs.SequenceEqual([new IPNetwork(AddressOf(i), 32)]), $"peer {i} has other addresses");
            Require(peers[KeyOf(i)].PersistentKeepalive == TimeSpan.FromSeconds(i % 100), $"peer {i} has another keepalive");
            Require(tunnel.FindPeer(AddressOf(i)) == KeyOf(i), $"peer {i} is not found by address");
        }

        Require(tunnel.RemovePeer(KeyOf(7)) && !tunnel.RemovePeer(KeyOf(7)), "a peer is removed once");
        Require(tunnel.GetPeers().Count == Count - 1 && tunnel.FindPeer(AddressOf(7)) is null, "a removed peer is gone");
        return $"{Count} peers";
    }

    private static async Task<string> ManyPrefixesAsync(CancellationToken stop)
    {
        const int Count = 3_000;
        using var key = PrivateKey.Generate();
        await using var tunnel = await OpenAsync(TunnelKind.Kernel, key, [KernelAddress], stop);
        var prefixes = Enumerable.Range(0, Count).Select(i => new IPNetwork(AddressOf(i), 32)).ToArray();

        tunnel.SetPeer(new PeerConfiguration { PublicKey = KeyOf(1), AllowedIPs = prefixes });
        Require(tunnel.GetPeers().Single().AllowedIPs.ToHashSet().SetEquals(prefixes), "other prefixes are read back");

        // An address belongs to the peer it was given to last.
        tunnel.SetPeer(new PeerConfiguration { PublicKey = KeyOf(2), AllowedIPs = prefixes[..10] });
        var first = tunnel.GetPeers().Single(peer => peer.PublicKey == KeyOf(1));
        Require(first.AllowedIPs.Count == Count - 10, "moved prefixes stayed");
        Require(tunnel.FindPeer(AddressOf(3)) == KeyOf(2), "a moved prefix is found at its former peer");
        return $"{Count} prefixes of one peer, in several messages";
    }

    private static async Task<string> WgAgreesAsync(CancellationToken stop)
    {
        using var key = PrivateKey.Generate();
        var secret = RandomNumberGenerator.GetBytes(32);
        await using var tunnel = await OpenAsync(TunnelKind.Kernel, key, [KernelAddress], stop, name: "wga", ownNamespace: false);
        tunnel.SetPeer(new PeerConfiguration
        {
            PublicKey = KeyOf(1),
            PresharedKey = secret,
            Endpoint = new IPEndPoint(IPAddress.Parse("fd00::7"), 7),
            AllowedIPs = [IPNetwork.Parse("10.1.0.0/16"), IPNetwork.Parse("fd01::/64")],
            PersistentKeepalive = TimeSpan.FromSeconds(25),
        });

        var dump = (await RunAsync("/bin/wg", ["show", "wga", "dump"], stop)).Trim().Split('\n');

        var own = dump[0].Split('\t');
        Require(own[1] == key.PublicKey.ToString() && own[2] == $"{tunnel.ListenPort}", "wg(8) sees another interface");
        var peer = dump[1].Split('\t');
        Require(peer[0] == KeyOf(1).ToString() && peer[1] == Convert.ToBase64String(secret) && peer[2] == "[fd00::7]:7", "wg(8) sees another peer");
        Require(peer[3].Split(',').Order().SequenceEqual(["10.1.0.0/16", "fd01::/64"]) && peer[7] == "25", "wg(8) sees other settings");

        // Without a preshared key in the configuration, the one that was there goes.
        tunnel.SetPeer(new PeerConfiguration { PublicKey = KeyOf(1), AllowedIPs = [] });
        dump = (await RunAsync("/bin/wg", ["show", "wga", "dump"], stop)).Trim().Split('\n');
        peer = dump[1].Split('\t');
        Require(peer[1] == "(none)" && peer[3] == "(none)" && peer[7] == "off", "old settings of a peer stayed");
        return "";
    }

    /// <summary>What <c>netbird-agent wg --tunnel kernel</c> runs.</summary>
    private static async Task<string> PlainInterfaceAsync(CancellationToken stop)
    {
        using var key = PrivateKey.Generate();
        var bytes = new byte[PrivateKey.Size];
        key.Export(bytes);
        await using (var plain = await PlainInterface.OpenAsync("wgf", TunnelKind.Kernel, TimeProvider.System, NullLoggerFactory.Instance, stop))
        {
            Require((await RunAsync("/bin/wg", ["show", "wgf", "private-key"], stop)).Trim() == "(none)", "it began with a key");
            await plain.ConfigureAsync(
                Encoding.ASCII.GetBytes(
                    $"""
                    [Interface]
                    PrivateKey = {Convert.ToBase64String(bytes)}
                    ListenPort = 22199
                    FwMark = 0x51
                    [Peer]
                    PublicKey = {KeyOf(1)}
                    AllowedIPs = 10.1.0.0/16
                    Endpoint = 127.0.0.1:9
                    """),
                stop);

            var dump = (await RunAsync("/bin/wg", ["show", "wgf", "dump"], stop)).Trim().Split('\n');
            Require(dump[0] == $"{Convert.ToBase64String(bytes)}\t{key.PublicKey}\t22199\t0x51", dump[0]);
            Require(dump[1].StartsWith($"{KeyOf(1)}\t(none)\t127.0.0.1:9\t10.1.0.0/16\t", StringComparison.Ordinal), dump[1]);
            Require(plain.ListenPort == 22199, $"the port is {plain.ListenPort}");
        }

        Require(!Directory.Exists("/sys/class/net/wgf"), "the interface is still there");
        return "";
    }

    private static async Task<string> NetworkChangedAsync(CancellationToken stop)
    {
        using var oneKey = PrivateKey.Generate();
        using var twoKey = PrivateKey.Generate();
        await using var one = await OpenAsync(TunnelKind.Kernel, oneKey, [KernelAddress], stop);
        await using var two = await OpenAsync(TunnelKind.Kernel, twoKey, [OtherAddress], stop);
        two.SetPeer(Peer(oneKey, KernelAddress, null, null));
        one.SetPeer(Peer(twoKey, OtherAddress, new IPEndPoint(IPAddress.Loopback, two.ListenPort), null) with
        {
            PersistentKeepalive = TimeSpan.FromSeconds(3600),
        });
        await UntilAsync(() => two.GetPeers().Single().ReceivedBytes > 0, stop);
        await UntilAsync(() => one.GetPeers().Single().LastHandshake is not null, stop);
        var before = two.GetPeers().Single().ReceivedBytes;

        one.NetworkChanged();

        await UntilAsync(() => two.GetPeers().Single().ReceivedBytes > before, stop);
        Require(one.GetPeers().Single().PersistentKeepalive == TimeSpan.FromSeconds(3600), "the keepalive is another now");
        return "the other end hears of it at once";
    }

    private static async Task<string> RemovedWhenDisposedAsync(CancellationToken stop)
    {
        using var key = PrivateKey.Generate();
        var tunnel = await OpenAsync(TunnelKind.Kernel, key, [KernelAddress], stop, name: "wgd", ownNamespace: false);
        Require(Directory.Exists("/sys/class/net/wgd"), "the interface is not there");
        await tunnel.DisposeAsync();
        Require(!Directory.Exists("/sys/class/net/wgd"), "the interface is still there");

        var hidden = await OpenAsync(TunnelKind.Kernel, key, [KernelAddress], stop, name: "wgd");
        Require(!Directory.Exists("/sys/class/net/wgd"), "the interface of a namespace of its own is outside");
        await hidden.DisposeAsync();
        return "";
    }

    private static async Task<string> LeftBehindIsRemovedAsync(CancellationToken stop)
    {
        using var process = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, ["hold", "wgl", "kernel", "host", "22099"]) { RedirectStandardOutput = true })!;
        Require(await process.StandardOutput.ReadLineAsync(stop) == "holding", "the other process did not start");
        using var key = PrivateKey.Generate();
        var whileAlive = await FailureAsync(() => OpenAsync(TunnelKind.Kernel, key, [KernelAddress], stop, name: "wgl", ownNamespace: false));
        Require(whileAlive.Contains("Another process of ours", StringComparison.Ordinal), whileAlive);

        process.Kill();
        await process.WaitForExitAsync(stop);
        Require(Directory.Exists("/sys/class/net/wgl"), "nothing was left behind");

        await using var tunnel = await OpenAsync(TunnelKind.Kernel, key, [KernelAddress], stop, name: "wgl", ownNamespace: false);
        Require(tunnel.PublicKey == key.PublicKey, "the interface has another key");
        return "";
    }

    private static async Task<string> OthersInterfaceIsKeptAsync(CancellationToken stop)
    {
        await RunAsync("/bin/busybox", ["ip", "link", "add", "wgo", "type", "wireguard"], stop);
        using var key = PrivateKey.Generate();

        var why = await FailureAsync(() => OpenAsync(TunnelKind.Kernel, key, [KernelAddress], stop, name: "wgo", ownNamespace: false));

        Require(why.Contains("is not ours", StringComparison.Ordinal), why);
        Require(Directory.Exists("/sys/class/net/wgo"), "another program's interface is gone");
        return "";
    }

    private static async Task<string> PortTakenAsync(CancellationToken stop)
    {
        using var key = PrivateKey.Generate();
        await using var first = await OpenAsync(TunnelKind.Kernel, key, [KernelAddress], stop);

        var why = await FailureAsync(() => Tunnel.OpenAsync(
            Options(TunnelKind.Kernel, key, [KernelAddress], "wgp", ownNamespace: false, first.ListenPort), stop));

        Require(why.Contains($"UDP port {first.ListenPort} is taken", StringComparison.Ordinal), why);
        Require(!Directory.Exists("/sys/class/net/wgp"), "the interface that failed was left behind");
        return "";
    }

    // Each port has a network of its own: several are held at once in one namespace.
    private static Task<ITunnel> OpenHeldAsync(TunnelKind kind, PrivateKey key, string name, bool ownNamespace, int port, CancellationToken stop)
        => Tunnel.OpenAsync(
            Options(kind, key, [new IPAddress([10, 97, (byte)port, 1])], name, ownNamespace, port) with
            {
                Routes = [new IPNetwork(new IPAddress([10, 97, (byte)port, 0]), 24)],
            },
            stop);

    /// <summary>Kills at 16 or 32 moments of start, run and stop; each next start takes the same name and port, and another's interface stays.</summary>
    private static async Task<string> KilledAsync(bool own, CancellationToken stop)
    {
        const int Names = 8;

        // Half of them in every run: a process takes its time in an emulated machine.
        var rounds = (await File.ReadAllTextAsync("/proc/cmdline", stop)).Contains("netbird.long", StringComparison.Ordinal) ? 4 : 2;
        var other = own ? "wgx" : "wgy";
        await RunAsync("/bin/busybox", ["ip", "link", "add", other, "type", "wireguard"], stop);
        var random = new Random(own ? 1 : 2);
        var span = 1_500;
        var (early, late) = (0, 0);
        for (var round = 0; round < rounds; round++)
        {
            await Task.WhenAll(Enumerable.Range(0, Names).Select(async i =>
            {
                using var process = Process.Start(new ProcessStartInfo(
                    Environment.ProcessPath!, ["hold", $"wgk{i}", "kernel", own ? "own" : "host", $"{22300 + i}"]) { RedirectStandardOutput = true })!;
                var holding = process.StandardOutput.ReadLineAsync(stop).AsTask();
                if (i % 2 == 0)
                {
                    // Somewhere in its start; processes of one round slow each other down, and so spread.
                    await Task.Delay(random.Next(span), stop);
                }
                else
                {
                    // Running, or on its way out.
                    _ = await holding;
                    await RunAsync("/bin/busybox", ["kill", i % 4 == 1 ? "-TERM" : "-0", $"{process.Id}"], stop);
                    await Task.Delay(random.Next(30), stop);
                }

                _ = holding.IsCompletedSuccessfully && holding.Result is not null ? Interlocked.Increment(ref late) : Interlocked.Increment(ref early);
                process.Kill();
                await process.WaitForExitAsync(stop);
            }));
            span += 1_000;
        }

        for (var i = 0; i < Names; i++)
        {
            using var key = PrivateKey.Generate();
            await using var tunnel = await OpenHeldAsync(TunnelKind.Kernel, key, $"wgk{i}", own, 22300 + i, stop);
            Require(tunnel.PublicKey == key.PublicKey && tunnel.ListenPort == 22300 + i, "the interface is not the new one");
        }

        Require(Directory.Exists($"/sys/class/net/{other}"), "another program's interface is gone");
        Require(!Directory.EnumerateDirectories("/sys/class/net", "wgk*").Any(), "something was left behind");
        Require(!(await RunAsync("/bin/busybox", ["ip", "route"], stop)).Contains("10.97.", StringComparison.Ordinal), "a route was left behind");
        return $"{early} killed before they were up, {late} after";
    }

    private static Task<ITunnel> OpenAsync(
        TunnelKind kind, PrivateKey key, IPAddress[] addresses, CancellationToken stop, string name = "wg0", bool ownNamespace = true)
        => Tunnel.OpenAsync(Options(kind, key, addresses, name, ownNamespace, Interlocked.Increment(ref s_port)), stop);

    private static TunnelOptions Options(
        TunnelKind kind, PrivateKey key, IPAddress[] addresses, string name, bool ownNamespace, int port) => new()
    {
        InterfaceName = name,
        PrivateKey = key,
        ListenPort = port,
        Addresses = addresses,
        Routes = [IPNetwork.Parse("10.99.0.0/16"), IPNetwork.Parse("fd99::/64")],
        Kind = kind,
        OwnNamespace = ownNamespace,
        Time = TimeProvider.System,
        Logging = NullLoggerFactory.Instance,
    };

    private static PeerConfiguration Peer(PrivateKey key, IPAddress address, IPEndPoint? endpoint, byte[]? secret) => new()
    {
        PublicKey = key.PublicKey,
        Endpoint = endpoint,
        PresharedKey = secret,
        AllowedIPs = [new IPNetwork(address, address.GetAddressBytes().Length * 8)],
    };

    private static PublicKey KeyOf(int number)
    {
        var bytes = new byte[32];
        BitConverter.TryWriteBytes(bytes, number + 1);
        return new PublicKey(bytes);
    }

    private static IPAddress AddressOf(int number) => new([10, 98, (byte)(number >> 8), (byte)number]);

    private static async Task UntilAsync(Func<bool> condition, CancellationToken stop)
    {
        while (!condition())
        {
            await Task.Delay(50, stop);
        }
    }

    private static async Task<string> FailureAsync(Func<Task<ITunnel>> open)
    {
        try
        {
            await using var tunnel = await open();
            return "it opened";
        }
        catch (TunnelException e)
        {
            return e.Message;
        }
    }

    private static async Task<string> RunAsync(string program, string[] arguments, CancellationToken stop)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        var output = await process.StandardOutput.ReadToEndAsync(stop);
        await process.WaitForExitAsync(stop);
        Require(process.ExitCode == 0, $"{program} ended with {process.ExitCode}");
        return output;
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new InvalidOperationException(otherwise);
        }
    }
}
