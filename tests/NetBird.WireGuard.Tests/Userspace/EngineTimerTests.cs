using NetBird.WireGuard.Userspace;

namespace NetBird.WireGuard.Tests.Userspace;

/// <summary>Rekey, retry, keepalive and death by the clock (WireGuard paper, section 6).</summary>
public sealed class EngineTimerTests
{
    [Fact]
    public async Task Send_NoSession_HandshakesAndDeliversWhatWaited()
    {
        await using var world = new World();

        var packet = world.AliceSends();

        Assert.Equal(packet, Assert.Single(world.Bob.Device.Written));
        Assert.Equal(world.Time.GetUtcNow(), world.Alice.Peer.LastHandshake);
        Assert.Equal(world.Time.GetUtcNow(), world.Bob.Peer.LastHandshake);
        Assert.Equal(packet.Length, World.Packet(World.AliceInner, World.BobInner).Length);
    }

    [Fact]
    public async Task Send_SessionOlderThan120Seconds_InitiatorRenews()
    {
        await using var world = new World();
        world.Connect();
        world.Pass(119);
        world.AliceSends();
        Assert.Equal(0, world.Wire.CountOf(WireFormat.Initiation, world.Alice.Socket.Local));

        world.Pass(1.5);
        world.BobSends();
        Assert.Equal(0, world.Wire.CountOf(WireFormat.Initiation, world.Bob.Socket.Local));
        var packet = world.AliceSends();

        Assert.Equal(1, world.Wire.CountOf(WireFormat.Initiation, world.Alice.Socket.Local));
        Assert.Contains(packet, world.Bob.Device.Written);
        Assert.Equal(world.Time.GetUtcNow(), world.Alice.Peer.LastHandshake);
    }

    [Fact]
    public async Task Send_PeerGone_RetriesEvery5SecondsFor90ThenDropsWhatWaited()
    {
        await using var world = new World();
        world.Wire.Delivers = _ => false;
        world.AliceSends();
        var sentAt = new List<double>();
        var seen = 0;
        for (var tick = 0; tick < 1_300; tick++)
        {
            var count = world.Wire.CountOf(WireFormat.Initiation, world.Alice.Socket.Local);
            if (count > seen)
            {
                sentAt.Add(tick * 0.1);
                seen = count;
            }

            world.Pass(0.1);
        }

        // The first and one for each of the 18 periods of 90 s.
        Assert.Equal(1 + Limits.HandshakeAttempts, sentAt.Count);
        Assert.All(sentAt.Zip(sentAt.Skip(1)), pair => Assert.InRange(pair.Second - pair.First, 4.9, 5.5));

        world.Wire.Delivers = _ => true;
        world.Pass(10);
        Assert.Empty(world.Bob.Device.Written);
        var packet = world.AliceSends();
        Assert.Equal(packet, Assert.Single(world.Bob.Device.Written));
    }

    [Fact]
    public async Task Send_ManyWithoutSession_StagesTheLast128()
    {
        await using var world = new World();
        world.Wire.Delivers = _ => false;
        var packets = Enumerable.Range(0, 300).Select(_ => world.AliceSends()).ToList();

        world.Wire.Delivers = _ => true;
        world.Pass(6);

        Assert.Equal(packets.TakeLast(Limits.StagedPackets), world.Bob.Device.Written);
    }

    [Fact]
    public async Task Receive_NothingToSay_KeepaliveAfter10Seconds()
    {
        await using var world = new World();
        world.Connect();
        world.Pass(30);
        world.Wire.Sent.Clear();
        world.AliceSends();

        world.Pass(9.8);
        Assert.Equal(0, world.Wire.CountOf(WireFormat.Data, world.Bob.Socket.Local));
        world.Pass(0.4);

        var keepalive = Assert.Single(world.Wire.Sent, d => d.From.Equals(world.Bob.Socket.Local));
        Assert.Equal(WireFormat.KeepaliveSize, keepalive.Bytes.Length);

        // A keepalive is not data: it is not answered in turn, and the two fall silent.
        world.Pass(40);
        Assert.Equal(1, world.Wire.CountOf(WireFormat.Data, world.Bob.Socket.Local));
        Assert.Equal(1, world.Wire.CountOf(WireFormat.Data, world.Alice.Socket.Local));
    }

    [Fact]
    public async Task Send_Unanswered15Seconds_NewHandshake()
    {
        await using var world = new World();
        world.Connect();
        world.Pass(30);
        world.Wire.Sent.Clear();
        world.Wire.Delivers = d => d.Type != WireFormat.Data;
        world.AliceSends();

        world.Pass(14.9);
        Assert.Equal(0, world.Wire.CountOf(WireFormat.Initiation, world.Alice.Socket.Local));
        world.Pass(0.6);

        Assert.Equal(1, world.Wire.CountOf(WireFormat.Initiation, world.Alice.Socket.Local));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(25)]
    public async Task Idle_PersistentKeepalive_SentAsConfigured(int seconds)
    {
        await using var world = new World(aliceKeepalive: seconds);
        Assert.NotNull(world.Alice.Peer.LastHandshake);
        world.Wire.Sent.Clear();

        world.Pass((seconds * 4) + 0.5);

        Assert.Equal(4, world.Wire.CountOf(WireFormat.Data, world.Alice.Socket.Local));
    }

    [Fact]
    public async Task Receive_OnlyReceivingFor165Seconds_InitiatorRenewsOnce()
    {
        await using var world = new World();
        world.Connect();
        world.Wire.Delivers = d => d.Type == WireFormat.Data && d.From.Equals(world.Bob.Socket.Local);
        for (var second = 0; second < 164; second++)
        {
            world.Pass(1);
            world.BobSends();
        }

        // Alice's own keepalives renew from 120 s on, so only those before that count here.
        world.Pass(2);
        world.BobSends();

        Assert.True(world.Wire.CountOf(WireFormat.Initiation, world.Alice.Socket.Local) >= 1);
    }

    [Fact]
    public async Task Receive_SessionOlderThan180Seconds_IsRefused()
    {
        await using var world = new World();
        world.Connect();
        world.Pass(100);
        world.Wire.Delivers = _ => false;
        world.AliceSends();
        var late = world.Wire.Sent.Last(d => d.Type == WireFormat.Data);
        world.Pass(79);
        world.Wire.Deliver(late);
        Assert.Single(world.Bob.Device.Written);

        world.AliceSends();
        var tooLate = world.Wire.Sent.Last(d => d.Type == WireFormat.Data);
        Assert.NotEqual(late, tooLate);
        world.Pass(2);
        world.Wire.Deliver(tooLate);

        Assert.Single(world.Bob.Device.Written);
    }

    [Fact]
    public async Task Idle_540Seconds_KeysAreGone()
    {
        await using var world = new World();
        world.Connect();
        world.Pass(539);
        Assert.NotEqual(0, world.Alice.Engine.Indices.Count);

        world.Pass(2);

        Assert.Equal(0, world.Alice.Engine.Indices.Count);
        Assert.Equal(0, world.Bob.Engine.Indices.Count);
        var packet = world.AliceSends();
        Assert.Equal(packet, Assert.Single(world.Bob.Device.Written));
    }

    [Theory]
    [InlineData(-3600)]
    [InlineData(3600)]
    public async Task Send_AfterWallClockJump_RenewsOnTheFirstPacket(int seconds)
    {
        // Forward is also what a suspend looks like: Linux's monotonic clock stands still in it.
        await using var world = new World();
        world.Connect();
        world.Pass(10);
        var before = world.Wire.CountOf(WireFormat.Initiation, world.Alice.Socket.Local);
        world.Time.Jump(TimeSpan.FromSeconds(seconds));

        var packet = world.AliceSends();

        Assert.Equal(before + 1, world.Wire.CountOf(WireFormat.Initiation, world.Alice.Socket.Local));
        Assert.Equal(world.Time.GetUtcNow(), world.Alice.Peer.LastHandshake);
        Assert.Contains(packet, world.Bob.Device.Written);
    }

    /// <summary>After 540 s keys are gone; the tries before went out in vain, the last a moment ago.</summary>
    [Theory]
    [InlineData(100)]
    [InlineData(600)]
    [InlineData(3600)]
    public async Task NetworkChanged_AfterAnOutage_HandshakesAtOnce(int seconds)
    {
        await using var world = new World();
        world.Connect();
        world.Wire.Delivers = _ => false;
        for (var i = 0; i < seconds; i += 10)
        {
            world.Pass(10);
            world.AliceSends();
        }

        world.Wire.Delivers = _ => true;
        world.Alice.Engine.NetworkChanged();
        world.Settle();

        Assert.Equal(world.Time.GetUtcNow(), world.Alice.Peer.LastHandshake);
    }

    [Fact]
    public async Task NetworkChanged_WithSession_HandshakesAtOnce()
    {
        await using var world = new World();
        world.Connect();
        world.Pass(1);

        world.Alice.Engine.NetworkChanged();
        world.Settle();

        Assert.Equal(world.Time.GetUtcNow(), world.Alice.Peer.LastHandshake);
    }
}
