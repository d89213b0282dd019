using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using NetBird.Primitives;
using NetBird.WireGuard;
using NetBird.WireGuard.Standalone;

namespace KernelGuest;

/// <summary>What the interface holds, as we and as wg(8) read it.</summary>
internal static partial class Checks
{
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
}
