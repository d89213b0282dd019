using System.Net;
using NetBird.WireGuard.Userspace;
using NetBird.WireGuard.Userspace.Noise;

namespace NetBird.WireGuard.Tests.Userspace;

/// <summary>Which handshakes are begun, answered and completed.</summary>
public sealed class EngineHandshakeTests
{
    [Theory]
    [InlineData(1, 1, true)]
    [InlineData(1, 2, false)]
    [InlineData(0, 1, false)]
    public async Task Handshake_PresharedKey_MustBeEqual(byte alice, byte bob, bool connects)
    {
        await using var world = new World(Psk(alice), Psk(bob));

        world.AliceSends();

        Assert.Equal(connects ? 1 : 0, world.Bob.Device.Written.Count);
        static byte[]? Psk(byte fill) => fill == 0 ? null : [.. Enumerable.Repeat(fill, 32)];
    }

    [Fact]
    public async Task Receive_InitiationReplay_IsSilentAndChangesNothing()
    {
        await using var world = new World();
        world.AliceSends();
        world.BobSends();
        var initiation = world.Wire.Sent.First(d => d.Type == WireFormat.Initiation);
        world.Pass(5);
        world.Wire.Sent.Clear();

        world.Wire.Deliver(initiation with { From = IPEndPoint.Parse("192.0.2.66:666") });
        world.Settle();

        Assert.Empty(world.Wire.Sent);
        Assert.Equal(world.Alice.Socket.Local, world.Bob.Peer.Endpoint);
    }

    [Fact]
    public async Task Receive_InitiationsWithin50Milliseconds_OnlyTheFirstIsAnswered()
    {
        await using var world = new World();
        world.Connect();
        world.Pass(1);
        world.Alice.Engine.NetworkChanged();
        world.Settle();
        world.Time.Advance(TimeSpan.FromMilliseconds(40));
        world.Alice.Engine.NetworkChanged();
        world.Settle();
        Assert.Equal(2, world.Wire.CountOf(WireFormat.Initiation, world.Alice.Socket.Local));
        Assert.Equal(1, world.Wire.CountOf(WireFormat.Response, world.Bob.Socket.Local));

        world.Time.Advance(TimeSpan.FromMilliseconds(60));
        world.Alice.Engine.NetworkChanged();
        world.Settle();

        Assert.Equal(2, world.Wire.CountOf(WireFormat.Response, world.Bob.Socket.Local));
    }

    [Fact]
    public async Task Handshake_BothBeginAtOnce_BothCanSend()
    {
        await using var world = new World();
        world.Bob.Engine.SetPeer(new PeerConfiguration
        {
            PublicKey = world.AliceKey.PublicKey,
            AllowedIPs = [new IPNetwork(World.AliceInner, 32)],
            Endpoint = world.Alice.Socket.Local,
        });
        world.Wire.Delivers = _ => false;
        world.AliceSends();
        world.BobSends();
        world.Wire.Delivers = _ => true;
        var both = world.Wire.Sent.ToList();
        both.ForEach(d => world.Wire.Deliver(d));
        world.Settle();

        world.AliceSends();
        world.BobSends();

        Assert.Equal(2, world.Bob.Device.Written.Count);
        Assert.Equal(2, world.Alice.Device.Written.Count);
    }

    [Fact]
    public async Task Receive_PeerRestarted_NewHandshakeIsTaken()
    {
        await using var world = new World();
        world.Connect();

        // As a crash: the keys are gone at once, nothing is said.
        world.Alice.Engine.RemovePeer(world.BobKey.PublicKey);
        world.Pass(1);
        world.Alice.Engine.SetPeer(new PeerConfiguration
        {
            PublicKey = world.BobKey.PublicKey,
            AllowedIPs = [new IPNetwork(World.BobInner, 32)],
            Endpoint = world.Bob.Socket.Local,
        });
        var packet = world.AliceSends();

        Assert.Equal(packet, Assert.Single(world.Bob.Device.Written));
    }

    [Fact]
    public async Task Handshake_LowOrderPeer_NeverBegun()
    {
        await using var world = new World();
        var lowOrder = new NetBird.Primitives.PublicKey(new byte[32]);

        world.Alice.Engine.SetPeer(new PeerConfiguration
        {
            PublicKey = lowOrder,
            AllowedIPs = [IPNetwork.Parse("10.9.0.0/16")],
            Endpoint = world.Bob.Socket.Local,
            PersistentKeepalive = TimeSpan.FromSeconds(1),
        });
        world.Alice.Device.Send(World.Packet(World.AliceInner, IPAddress.Parse("10.9.0.1")));
        world.Pass(10);

        Assert.Empty(world.Wire.Sent);
    }

    [Fact]
    public async Task Receive_FloodOfInitiations_AnsweredByCookiesThatLetTheTrueOneIn()
    {
        await using var world = new World();
        world.AliceSends();
        var initiation = world.Wire.Sent.First(d => d.Type == WireFormat.Initiation) with { From = IPEndPoint.Parse("192.0.2.66:666") };
        world.Pass(6);
        world.Wire.Sent.Clear();

        // More than the handshake thread takes off meanwhile: the queue passes its threshold.
        for (var i = 0; i < 5_000; i++)
        {
            world.Wire.Deliver(initiation);
        }

        world.Settle();
        Assert.Contains(world.Wire.Sent, d => d.Type == WireFormat.CookieReply && d.Bytes.Length == WireFormat.CookieReplySize);
        Assert.True(world.Bob.Engine.Counters.HandshakesRefused > 0);

        // Still under load: Alice's first try earns a cookie, which her next one shows.
        world.Wire.Sent.Clear();
        world.Alice.Engine.NetworkChanged();
        world.Settle();
        Assert.Equal(1, world.Wire.CountOf(WireFormat.CookieReply, world.Bob.Socket.Local));
        Assert.Equal(0, world.Wire.CountOf(WireFormat.Response, world.Bob.Socket.Local));

        // Load is remembered for a second; the queue itself is empty, so that her message is not dropped for want of room.
        world.Time.Advance(TimeSpan.FromMilliseconds(100));
        world.Alice.Engine.NetworkChanged();
        world.Settle();

        var second = world.Wire.Sent.Last(d => d.Type == WireFormat.Initiation && d.From.Equals(world.Alice.Socket.Local));
        Assert.NotEqual(new byte[16], second.Bytes[^16..]);
        Assert.Equal(1, world.Wire.CountOf(WireFormat.Response, world.Bob.Socket.Local));
    }

    [Fact]
    public async Task Receive_InitiationWithLowOrderEphemeral_IsSilent()
    {
        await using var world = new World();
        world.AliceSends();
        var datagram = world.Wire.Sent.First(d => d.Type == WireFormat.Initiation);
        world.Pass(1);
        world.Wire.Sent.Clear();
        var bytes = datagram.Bytes.ToArray();
        bytes.AsSpan(8, 32).Clear();
        Blake2s.Mac(StaticIdentity.Mac1KeyOf(world.BobKey.PublicKey.ToArray()), bytes.AsSpan(0, 116), bytes.AsSpan(116, 16));

        world.Wire.Deliver(datagram with { Bytes = bytes });
        world.Settle();

        Assert.Empty(world.Wire.Sent);
        Assert.Equal(1, world.Bob.Engine.Counters.Unauthenticated);
    }
}
