using System.Net;
using System.Security.Cryptography;
using NetBird.WireGuard.Userspace;

namespace NetBird.WireGuard.Tests.Userspace;

/// <summary>Whose packets go where: cryptokey routing, roaming, peers that come, change and go.</summary>
[Collection(MemoryIsMeasured.Name)]
public sealed class EngineRoutingTests
{
    [Fact]
    public async Task Receive_ForeignInnerSource_DroppedAndCounted()
    {
        await using var world = new World();
        world.Connect();

        world.Alice.Device.Send(World.Packet(IPAddress.Parse("10.0.0.77"), World.BobInner));

        Assert.Empty(world.Bob.Device.Written);
        Assert.Equal(1, world.Bob.Engine.Counters.ForeignSource);
    }

    [Fact]
    public async Task Send_NobodysDestination_DroppedAndCounted()
    {
        await using var world = new World();

        world.Alice.Device.Send(World.Packet(World.AliceInner, IPAddress.Parse("10.0.0.77")));

        Assert.Empty(world.Wire.Sent);
        Assert.Equal(1, world.Alice.Engine.Counters.Unrouted);
    }

    [Fact]
    public async Task Receive_FromNewAddress_PeerRoams()
    {
        await using var world = new World();
        world.Connect();
        world.Alice.Socket.MoveTo("198.51.100.9:4444");
        world.AliceSends();
        Assert.Equal(world.Alice.Socket.Local, world.Bob.Peer.Endpoint);

        var packet = world.BobSends();

        Assert.Equal(packet, world.Alice.Device.Written.Last());
    }

    [Fact]
    public async Task RemovePeer_WithSession_NothingIsTakenOrSent()
    {
        await using var world = new World();
        world.Connect();
        Assert.True(world.Bob.Engine.RemovePeer(world.AliceKey.PublicKey));
        Assert.False(world.Bob.Engine.RemovePeer(world.AliceKey.PublicKey));
        world.Wire.Sent.Clear();

        world.AliceSends();
        world.BobSends();
        world.Pass(60);

        Assert.Empty(world.Bob.Device.Written);
        Assert.Equal(0, world.Bob.Engine.Indices.Count);
        Assert.DoesNotContain(world.Wire.Sent, d => d.From.Equals(world.Bob.Socket.Local));
    }

    [Fact]
    public async Task SetPeer_Again_KeepsTheSession()
    {
        await using var world = new World();
        world.Connect();

        world.Bob.Engine.SetPeer(new PeerConfiguration
        {
            PublicKey = world.AliceKey.PublicKey,
            AllowedIPs = [new IPNetwork(World.AliceInner, 32), IPNetwork.Parse("10.7.0.0/16")],
        });
        world.Alice.Device.Send(World.Packet(IPAddress.Parse("10.7.1.2"), World.BobInner));

        Assert.Single(world.Bob.Device.Written);
        Assert.DoesNotContain(world.Wire.Sent, d => d.Type == WireFormat.Initiation);
        Assert.Equal(world.Alice.Socket.Local, world.Bob.Peer.Endpoint);
    }

    [Fact]
    public async Task SetPeer_TenThousand_IsSmallAndQuick()
    {
        await using var world = new World();
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var keys = Enumerable.Range(0, 10_000).Select(_ => new NetBird.Primitives.PublicKey(RandomNumberGenerator.GetBytes(32))).ToList();
        var times = new List<TimeSpan>();
        for (var i = 0; i < keys.Count; i++)
        {
            var started = System.Diagnostics.Stopwatch.GetTimestamp();
            world.Bob.Engine.SetPeer(new PeerConfiguration
            {
                PublicKey = keys[i],
                AllowedIPs = [new IPNetwork(new IPAddress([10, 1, (byte)(i >> 8), (byte)i]), 32)],
            });
            times.Add(System.Diagnostics.Stopwatch.GetElapsedTime(started));
        }

        var bytes = GC.GetTotalMemory(forceFullCollection: true) - before;
        Assert.Equal(keys[0x1234], world.Bob.Engine.FindPeer(IPAddress.Parse("10.1.18.52")));

        // The median, since a machine that others load stalls single ones for as long as it likes. The aim is 200 MiB for the process.
        Assert.InRange(times.Order().ElementAt(times.Count / 2), TimeSpan.Zero, TimeSpan.FromMilliseconds(1));
        Assert.InRange(bytes, long.MinValue, 50L * 1024 * 1024);
    }

    [Fact]
    public async Task Receive_ForeignIPv6Source_DroppedAndCounted()
    {
        await using var world = new World();
        world.Connect();
        var packet = new byte[60];
        packet[0] = 0x60;
        packet[5] = 20;
        IPAddress.Parse("fd00::77").TryWriteBytes(packet.AsSpan(8), out _);
        IPAddress.Parse("fd00::2").TryWriteBytes(packet.AsSpan(24), out _);
        world.Alice.Engine.SetPeer(PeerOf(world.BobKey, "10.0.0.2/32", "fd00::2/128"));
        world.Bob.Engine.SetPeer(PeerOf(world.AliceKey, "10.0.0.1/32", "fd00::1/128"));
        world.Alice.Device.Send(packet);
        Assert.Empty(world.Bob.Device.Written);
        Assert.Equal(1, world.Bob.Engine.Counters.ForeignSource);

        packet[23] = 0x01;
        world.Alice.Device.Send(packet);

        Assert.Equal(packet, Assert.Single(world.Bob.Device.Written));
    }

    [Fact]
    public async Task SetPeer_PrefixesOfAnother_ChangeOwnersAllAtOnce()
    {
        await using var world = new World();
        using var key = PrivateKey.Generate();
        var prefixes = Enumerable.Range(0, 100_000).Select(i => new IPNetwork(new IPAddress([11, (byte)(i >> 16), (byte)(i >> 8), (byte)i]), 32)).ToList();
        world.Bob.Engine.SetPeer(new PeerConfiguration { PublicKey = world.AliceKey.PublicKey, AllowedIPs = prefixes });
        Assert.Equal(world.AliceKey.PublicKey, world.Bob.Engine.FindPeer(IPAddress.Parse("11.1.0.7")));

        world.Bob.Engine.SetPeer(new PeerConfiguration { PublicKey = key.PublicKey, AllowedIPs = [.. prefixes.Skip(1)] });

        Assert.Equal(key.PublicKey, world.Bob.Engine.FindPeer(IPAddress.Parse("11.1.0.7")));
        Assert.Equal(world.AliceKey.PublicKey, world.Bob.Engine.FindPeer(IPAddress.Parse("11.0.0.0")));
        Assert.Equal([prefixes[0]], world.Bob.Engine.GetPeers().Single(peer => peer.PublicKey == world.AliceKey.PublicKey).AllowedIPs);
        Assert.True(world.Bob.Engine.RemovePeer(key.PublicKey));
        Assert.Null(world.Bob.Engine.FindPeer(IPAddress.Parse("11.1.0.7")));
    }

    private static PeerConfiguration PeerOf(PrivateKey key, params string[] prefixes)
        => new() { PublicKey = key.PublicKey, AllowedIPs = [.. prefixes.Select(text => IPNetwork.Parse(text))] };
}
