using System.Buffers.Binary;
using System.Net;
using CsCheck;
using NetBird.WireGuard.Userspace;

namespace NetBird.WireGuard.Tests.Userspace;

/// <summary>Anything may come from the network or the device: no crash, no answer, no growth.</summary>
public sealed class EngineFuzzTests
{
    [Fact]
    public async Task Receive_AnyBytes_IsSilent()
    {
        await using var world = new World();
        world.Connect();
        var indices = world.Bob.Engine.Indices.Count;
        var size = Gen.OneOf(
            Gen.Int[0, 40], Gen.Const(WireFormat.InitiationSize), Gen.Const(WireFormat.ResponseSize), Gen.Const(WireFormat.CookieReplySize), Gen.Int[0, 1_500]);
        var from = IPEndPoint.Parse("203.0.113.5:5");
        Gen.Select(size, Gen.UInt[0, 6], Gen.Int).Sample(
            (length, type, seed) =>
            {
                var bytes = new byte[length];
                new Random(seed).NextBytes(bytes);
                if (length >= 4)
                {
                    BinaryPrimitives.WriteUInt32LittleEndian(bytes, type);
                }

                world.Wire.Deliver(new Wire.Datagram(from, world.Bob.Socket.Local, bytes, 0));
            },
            iter: Fuzzing.Cases,
            threads: 1);

        world.Settle();
        Assert.Empty(world.Wire.Sent);
        Assert.Empty(world.Bob.Device.Written);
        Assert.Equal(indices, world.Bob.Engine.Indices.Count);
        Assert.Equal(world.Alice.Socket.Local, world.Bob.Peer.Endpoint);
    }

    /// <summary>WireGuard paper, section 5.4: each type has one length, or a least one, and three reserved zeros.</summary>
    [Fact]
    public async Task Receive_AnyOtherLength_IsCountedAsMalformedAndNothingElse()
    {
        await using var world = new World();
        var from = IPEndPoint.Parse("203.0.113.5:5");
        var expected = 0;
        for (uint type = 0; type <= 5; type++)
        {
            for (var length = 1; length <= 260; length++)
            {
                var isRight = type switch
                {
                    WireFormat.Initiation => length == WireFormat.InitiationSize,
                    WireFormat.Response => length == WireFormat.ResponseSize,
                    WireFormat.CookieReply => length == WireFormat.CookieReplySize,
                    WireFormat.Data => length >= WireFormat.KeepaliveSize,
                    _ => false,
                };
                foreach (var reserved in (uint[])[0, 1])
                {
                    var bytes = new byte[length];
                    if (length >= 4)
                    {
                        BinaryPrimitives.WriteUInt32LittleEndian(bytes, type | (reserved << 8));
                    }

                    if (!isRight || reserved != 0)
                    {
                        expected++;
                        world.Wire.Deliver(new Wire.Datagram(from, world.Bob.Socket.Local, bytes, 0));
                    }
                }
            }
        }

        var counters = world.Bob.Engine.Counters;
        Assert.Equal((expected, 0, 0), (counters.Malformed, counters.Unauthenticated, counters.HandshakesRefused));
        Assert.True(world.Bob.Engine.IsIdle);
        Assert.Empty(world.Wire.Sent);
    }

    [Fact]
    public async Task Receive_AnyAuthenticInnerBytes_DeliversOnlyPacketsOfThePeer()
    {
        await using var world = new World();
        world.Connect();
        world.Pass(1);

        // A peer may be hostile too: what it seals is authentic and may be any bytes. Alice's engine routes only what looks like a
        // packet to Bob, so the fields that Bob must check himself are changed behind the destination.
        Gen.Select(Gen.Int[20, 200], Gen.Int).Sample(
            (length, seed) =>
            {
                var bytes = new byte[length];
                new Random(seed).NextBytes(bytes);
                bytes[0] = 0x45;
                World.BobInner.GetAddressBytes().CopyTo(bytes, 16);
                world.Alice.Device.Send(bytes);
                foreach (var packet in world.Bob.Device.Written)
                {
                    if (packet.Length < 20 || packet.Length != BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(2))
                        || !packet.AsSpan(12, 4).SequenceEqual(World.AliceInner.GetAddressBytes()))
                    {
                        return false;
                    }
                }

                return true;
            },
            iter: Fuzzing.Cases / 4,
            threads: 1);
    }
}
