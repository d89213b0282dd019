using System.Buffers.Binary;
using NetBird.WireGuard.Userspace;

namespace NetBird.WireGuard.Tests.Userspace;

/// <summary>Congestion marks across the tunnel.</summary>
public sealed class EngineEcnTests
{
    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(2, 3, 3)]
    [InlineData(1, 3, 3)]
    [InlineData(2, 1, 1)]
    [InlineData(2, 0, 2)]
    [InlineData(3, 2, 3)]
    [InlineData(0, 3, -1)]
    [InlineData(0, 2, 0)]
    public async Task Carry_Ecn_CopiedOutAndCombinedIn(byte inner, byte outer, int expected)
    {
        await using var world = new World();
        world.Connect();
        world.Wire.Delivers = _ => false;

        // With a DSCP of 46 beside it (RFC 3246), which says something of the traffic and so stays inside.
        world.AliceSends(ecn: (byte)((46 << 2) | inner));
        var datagram = world.Wire.Sent.Single(d => d.From.Equals(world.Alice.Socket.Local));
        Assert.Equal(inner, datagram.Ecn);

        world.Wire.Deliver(datagram, ecn: outer);

        if (expected < 0)
        {
            Assert.Empty(world.Bob.Device.Written);
            return;
        }

        var packet = Assert.Single(world.Bob.Device.Written);
        Assert.Equal((46 << 2) | expected, packet[1]);
        Assert.Equal(0, World.HeaderChecksum(packet));
    }

    [Theory]
    [InlineData(2, 3, 3)]
    [InlineData(1, 2, 1)]
    [InlineData(0, 3, -1)]
    [InlineData(0, 1, 0)]
    public void TryCombine_IPv6_ChangesTheTrafficClassAlone(byte inner, byte outer, int expected)
    {
        var packet = new byte[40];
        BinaryPrimitives.WriteUInt32BigEndian(packet, 0x6000_0000 | (46u << 22) | ((uint)inner << 20) | 0xABCDE);

        Assert.Equal(expected >= 0, EcnField.TryCombine(packet, outer));

        Assert.Equal(
            0x6000_0000 | (46u << 22) | ((uint)Math.Max(expected, inner) << 20) | 0xABCDE, BinaryPrimitives.ReadUInt32BigEndian(packet));
    }
}
