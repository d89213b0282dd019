using System.Buffers.Binary;
using System.Reflection;
using NetBird.WireGuard.Userspace.Sessions;
using NetBird.WireGuard.Userspace;

namespace NetBird.WireGuard.Tests.Userspace;

/// <summary>What is sealed and opened under which keys.</summary>
public sealed class EngineSessionTests
{
    [Fact]
    public async Task Receive_Replay_TakenOnce()
    {
        await using var world = new World();
        world.Connect();
        world.AliceSends();
        var datagram = world.Wire.Sent.Single(d => d.From.Equals(world.Alice.Socket.Local));

        world.Wire.Deliver(datagram);

        Assert.Single(world.Bob.Device.Written);
        Assert.Equal(1, world.Bob.Engine.Counters.Unauthenticated);
    }

    [Fact]
    public async Task Receive_Mutated_IsSilentAndDeliversNothing()
    {
        await using var world = new World();
        world.AliceSends();
        world.BobSends();
        var captured = world.Wire.Sent.ToList();
        world.Pass(1);
        world.Bob.Device.Written.Clear();
        world.Alice.Device.Written.Clear();
        world.Wire.Sent.Clear();

        foreach (var datagram in captured)
        {
            for (var bit = 0; bit < datagram.Bytes.Length * 8; bit += 3)
            {
                var bytes = datagram.Bytes.ToArray();
                bytes[bit / 8] ^= (byte)(1 << (bit % 8));
                world.Wire.Deliver(datagram with { Bytes = bytes });
            }

            for (var length = 0; length < datagram.Bytes.Length; length += 7)
            {
                world.Wire.Deliver(datagram with { Bytes = datagram.Bytes[..length] });
            }
        }

        world.Settle();
        Assert.Empty(world.Wire.Sent);
        Assert.Empty(world.Bob.Device.Written);
        Assert.Empty(world.Alice.Device.Written);
    }

    [Fact]
    public async Task Receive_UnderThePreviousKey_StillTaken()
    {
        await using var world = new World();
        world.Connect();
        world.Wire.Delivers = d => d.Type != WireFormat.Data;
        var late = world.AliceSends();
        var datagram = world.Wire.Sent.Single(d => d.Type == WireFormat.Data);
        world.Wire.Delivers = _ => true;
        world.Pass(1);
        world.Alice.Engine.NetworkChanged();
        world.Settle();
        var packet = world.AliceSends();

        world.Wire.Deliver(datagram);

        Assert.Equal([packet, late], world.Bob.Device.Written);
    }

    [Fact]
    public async Task Respond_NotYetConfirmed_SendsUnderTheOldKey()
    {
        await using var world = new World();
        world.Connect();
        var oldIndex = IndexOf(Last(world, () => world.BobSends()));
        world.Pass(1);

        // The response is lost: Bob has the next session, Alice does not.
        world.Wire.Delivers = d => d.Type != WireFormat.Response;
        world.Alice.Engine.NetworkChanged();
        world.Settle();
        Assert.Equal(oldIndex, IndexOf(Last(world, () => world.BobSends())));

        world.Wire.Delivers = _ => true;
        world.Pass(1);
        world.Alice.Engine.NetworkChanged();
        world.Settle();
        Assert.NotEqual(oldIndex, IndexOf(Last(world, () => world.BobSends())));

        static Wire.Datagram Last(World world, Action send)
        {
            send();
            return world.Wire.Sent.Last(d => d.Type == WireFormat.Data && d.From.Equals(world.Bob.Socket.Local));
        }

        static uint IndexOf(Wire.Datagram datagram) => BinaryPrimitives.ReadUInt32LittleEndian(datagram.Bytes.AsSpan(4));
    }

    [Theory]
    [InlineData(20, 32)]
    [InlineData(32, 32)]
    [InlineData(33, 48)]
    [InlineData(1408, 1408)]
    [InlineData(1409, 1420)]
    [InlineData(1420, 1420)]
    public async Task Send_AnySize_PaddedTo16ButNotPastTheMtu(int length, int padded)
    {
        await using var world = new World();
        world.Connect();

        var packet = world.AliceSends(length - 20);

        var datagram = world.Wire.Sent.Single(d => d.From.Equals(world.Alice.Socket.Local));
        Assert.Equal(padded + WireFormat.KeepaliveSize, datagram.Bytes.Length);
        Assert.Equal(packet, Assert.Single(world.Bob.Device.Written));
    }

    [Fact]
    public async Task Receive_ForgedGreatCounter_DoesNotMoveTheWindow()
    {
        await using var world = new World();
        world.Connect();
        world.AliceSends();
        var genuine = world.Wire.Sent.Single(d => d.From.Equals(world.Alice.Socket.Local));
        var bytes = genuine.Bytes.ToArray();
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(8), 1_000_000);
        world.Wire.Deliver(genuine with { Bytes = bytes });
        Assert.Equal(1, world.Bob.Engine.Counters.Unauthenticated);

        var packet = world.AliceSends();

        Assert.Equal(packet, world.Bob.Device.Written.Last());
    }

    [Fact]
    public async Task Send_MoreThan2To60Messages_EitherEndRenews()
    {
        await using var world = new World();
        world.Connect();
        world.Pass(6);
        world.Wire.Sent.Clear();
        SetCounter(world.Bob, Limits.RekeyAfterMessages);
        world.BobSends();
        Assert.Equal(1, world.Wire.CountOf(WireFormat.Initiation, world.Bob.Socket.Local));
        Assert.Equal(0, world.Wire.CountOf(WireFormat.Initiation, world.Alice.Socket.Local));

        world.Pass(1);
        world.Wire.Sent.Clear();
        world.BobSends();

        Assert.Equal(0, world.Wire.CountOf(WireFormat.Initiation, world.Bob.Socket.Local));
    }

    [Fact]
    public async Task Send_SessionsMessagesUsedUp_WaitsForTheNextSession()
    {
        await using var world = new World();
        world.Connect();
        world.Pass(6);
        world.Wire.Delivers = d => d.Type == WireFormat.Data;
        SetCounter(world.Alice, Limits.RejectAfterMessages - 1);
        var last = world.AliceSends();
        Assert.Equal(last, Assert.Single(world.Bob.Device.Written));
        world.Wire.Sent.Clear();

        var waiting = world.AliceSends();
        Assert.Equal(0, world.Wire.CountOf(WireFormat.Data, world.Alice.Socket.Local));
        world.Wire.Delivers = _ => true;
        world.Pass(6);

        Assert.Equal([last, waiting], world.Bob.Device.Written);
    }

    // As if that many messages had been sent: nothing else could get there.
    private static void SetCounter(World.Party party, ulong counter)
    {
        var peer = party.Engine.GetPeer(party.Peer.PublicKey)!;
        var session = peer.SessionToSend(party.Engine.Clock.NowMs)!;
        typeof(Session).GetField("_nextCounter", BindingFlags.NonPublic | BindingFlags.Instance)!.SetValue(session, counter);
    }
}
