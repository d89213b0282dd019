using CsCheck;
using NetBird.WireGuard.Linux.Netlink;

namespace NetBird.WireGuard.Tests.Linux.Netlink;

/// <summary>Whatever bytes come, a netlink parser answers or throws what its callers expect; it never crashes or hangs.</summary>
public sealed class NetlinkParsingTests
{
    [Theory]
    [InlineData("0300 0100")] // Shorter than its own header.
    [InlineData("0900 0100 0000")] // Runs past its parent.
    public void Next_LengthThatDoesNotFit_Throws(string hex)
        => Assert.Throws<InvalidDataException>(() =>
        {
            var attributes = new NetlinkAttributes(Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal)));
            attributes.Next();
        });

    [Fact]
    public void Attributes_OfAMessageWeBuilt_AreReadBack()
    {
        using var message = new NetlinkMessage(16, NetlinkFlags.Request);
        message.Put(1, "name").Put(2, 7u);
        var nested = message.Begin(3);
        message.Put(4, (byte)9).End(nested);
        var datagram = message.Complete(5);

        Assert.True(NetlinkSocket.TryTake(ref datagram, out var type, out _, out var sequence, out var payload));
        Assert.Equal((16, 5u, 0), (type, sequence, datagram.Length));
        var attributes = new NetlinkAttributes(payload);
        Assert.True(attributes.Next());
        Assert.Equal("name", attributes.ReadText());
        Assert.True(attributes.Next());
        Assert.Equal(7u, attributes.Read<uint>());
        Assert.True(attributes.Next());
        var inner = new NetlinkAttributes(attributes.Value);
        Assert.True(inner.Next());
        Assert.Equal((4, (byte)9), (inner.Type, inner.Value[0]));
        Assert.False(attributes.Next());
    }

    [Fact]
    public void Parse_AnyBytes_AnswersOrSaysTheDataIsInvalid()
        => Datagram.Sample(
            bytes =>
            {
                try
                {
                    ReadOnlySpan<byte> rest = bytes;
                    while (NetlinkSocket.TryTake(ref rest, out var type, out var flags, out _, out var payload))
                    {
                        _ = RouteSocket.ParseLink(payload);
                        _ = RouteSocket.ParseAddress(payload);
                        _ = RouteSocket.ParseRoute(payload);
                        NetlinkSocket.ThrowOnError(type, flags, payload, "fuzz");
                    }
                }
                catch (Exception e) when (e is InvalidDataException or NetlinkException)
                {
                }
            },
            iter: Fuzzing.Cases,
            threads: 1);

    // Half of the cases are noise; the others have headers that fit, so that what lies behind them is reached.
    private static readonly Gen<byte[]> Noise = Gen.Byte.Array[0, 96];

    private static readonly Gen<byte[]> Attribute =
        from type in Gen.UShort[0, 40]
        from value in Gen.Byte.Array[0, 24]
        select BuildAttribute(type, value);

    private static readonly Gen<byte[]> Message =
        from type in Gen.UShort[0, 30]
        from flags in Gen.UShort
        from header in Gen.Int[1, 5].SelectMany(n => Gen.Byte.Array[n * 4])
        from attributes in Attribute.Array[0, 6]
        from spoilt in Gen.Int[-1, 200]
        from with in Gen.Byte
        select BuildMessage(type, flags, header, attributes, spoilt, with);

    private static readonly Gen<byte[]> Datagram = Gen.OneOf(Noise, Message);

    private static byte[] BuildAttribute(ushort type, byte[] value)
    {
        var padded = new byte[(4 + value.Length + 3) & ~3];
        BitConverter.TryWriteBytes(padded, (ushort)(4 + value.Length));
        BitConverter.TryWriteBytes(padded.AsSpan(2), type);
        value.CopyTo(padded, 4);
        return padded;
    }

    private static byte[] BuildMessage(
        ushort type, ushort flags, byte[] header, byte[][] attributes, int spoilt, byte with)
    {
        byte[] message = [.. new byte[16], .. header, .. attributes.SelectMany(a => a)];
        BitConverter.TryWriteBytes(message, message.Length);
        BitConverter.TryWriteBytes(message.AsSpan(4), type);
        BitConverter.TryWriteBytes(message.AsSpan(6), flags);
        if (spoilt >= 0 && spoilt < message.Length)
        {
            message[spoilt] = with;
        }

        return message;
    }
}
