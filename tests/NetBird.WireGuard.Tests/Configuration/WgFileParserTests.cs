using System.Net;
using System.Text;
using CsCheck;
using NetBird.WireGuard.Configuration;

namespace NetBird.WireGuard.Tests.Configuration;

public sealed class WgFileParserTests
{
    private const string Key = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=";
    private const string Peer = "[Peer]\nPublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=\n";

    [Fact]
    public async Task Parse_TheManualsExample_IsUnderstood()
    {
        // wg(8), section CONFIGURATION FILE FORMAT EXAMPLE.
        using var file = Parse(
            """
            [Interface]
            PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=
            ListenPort = 51820

            [Peer]
            PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=
            Endpoint = 192.95.5.67:1234
            AllowedIPs = 10.192.122.3/32, 10.192.124.1/24

            [Peer]
            PublicKey = TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=
            Endpoint = [2607:5300:60:6b0::c05f:543]:2468
            AllowedIPs = 10.192.122.4/32, 192.168.0.0/16

            [Peer]
            PublicKey = gN65BkIKy1eCE9pP1wdc8ROUtkHLF2PfAqYdyYBz6EA=
            Endpoint = test.wireguard.com:18981
            AllowedIPs = 10.10.10.230/32
            """);

        var change = await file.ResolveAsync(
            (name, _) => Task.FromResult<IPAddress[]>(name == "test.wireguard.com" ? [IPAddress.Parse("192.0.2.9")] : []),
            CancellationToken.None);

        Assert.Equal((ushort)51820, change.ListenPort);
        Assert.True(change.ReplacePeers);
        Assert.Equal(
            ["192.95.5.67:1234", "[2607:5300:60:6b0::c05f:543]:2468", "192.0.2.9:18981"],
            change.Peers.Select(peer => peer.Endpoint!.ToString()));
        Assert.Equal(
            [IPNetwork.Parse("10.192.122.3/32"), IPNetwork.Parse("10.192.124.0/24")], change.Peers[0].AllowedIPs);
    }

    [Fact]
    public void Parse_CommentsCaseAndSpace_DoNotMatter()
    {
        using var file = Parse(
            $"\uFEFF# a comment\r\n\t[interface] # another\r\n  LISTENPORT=0x10\r\nfwmark = 0xCA6C\r\n\r\n[PEER]\r\npublickey={Key}\r\n"
            + "AllowedIPs =\r\nallowedips = ::/0,0.0.0.0/0\r\nPersistentKeepalive = off");

        Assert.Equal((ushort)16, file.ListenPort);
        Assert.Equal(0xCA6Cu, file.FirewallMark);
        var peer = Assert.Single(file.Peers).Change;
        Assert.Equal((ushort)0, peer.PersistentKeepaliveSeconds);
        Assert.Equal([IPNetwork.Parse("::/0"), IPNetwork.Parse("0.0.0.0/0")], peer.AllowedIPs);
    }

    [Theory]
    [InlineData("ListenPort = 1", 1, 1)]
    [InlineData("[Interface]\nListenPort = 65536", 2, 14)]
    [InlineData("[Interface]\n  ListenPort 1", 2, 3)]
    [InlineData("[Interface]\nPrivateKey = abc", 2, 14)]
    [InlineData("[Interface]\nAddress = 10.0.0.1/24", 2, 1)]
    [InlineData("[Interface]\nFwMark = -1", 2, 10)]
    [InlineData("[Network]", 1, 1)]
    [InlineData("\n[Peer]\nAllowedIPs = 10.0.0.0/8", 2, 1)]
    [InlineData(Peer + "AllowedIPs = 10.0.0.0/8, 10.0.0.0/33", 3, 26)]
    [InlineData(Peer + "AllowedIPs = 10.0.0.0/8,", 3, 25)]
    [InlineData(Peer + "Endpoint = 1.2.3.4", 3, 12)]
    [InlineData(Peer + "Endpoint = 1.2.3.4:0", 3, 12)]
    [InlineData(Peer + "Endpoint = a b:1", 3, 12)]
    [InlineData(Peer + "PersistentKeepalive = 65536", 3, 23)]
    [InlineData(Peer + "ListenPort = 1", 3, 1)]
    public void Parse_AMistake_IsFoundAtItsPlace(string text, int line, int column)
    {
        var e = Assert.Throws<WgFileException>(() => Parse(text));

        Assert.Equal((line, column), (e.Line, e.Column));
        Assert.StartsWith($"line {line}, column {column}: ", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_MistakeInAKey_IsNotRepeatedInTheMessage()
    {
        var e = Assert.Throws<WgFileException>(() => Parse($"[Interface]\nPrivateKey = {Key[..^2]}"));

        Assert.DoesNotContain(Key[..8], e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Resolve_NameWithoutAddress_IsFoundAtItsPlace()
    {
        using var file = Parse(Peer + "Endpoint = nowhere.invalid:5");

        var e = await Assert.ThrowsAsync<WgFileException>(
            () => file.ResolveAsync((_, _) => Task.FromResult<IPAddress[]>([]), CancellationToken.None));

        Assert.Equal((3, 12), (e.Line, e.Column));
    }

    [Fact]
    public void Parse_AnyText_IsAFileOrAMistakeInIt()
        => Text.Sample(
            bytes =>
            {
                try
                {
                    using var file = WgFileParser.Parse(bytes);
                }
                catch (WgFileException e)
                {
                    Assert.InRange(e.Line, 1, bytes.Count(b => b == '\n') + 1);
                    Assert.InRange(e.Column, 1, bytes.Length + 1);
                }
            },
            iter: Fuzzing.Cases,
            threads: 1);

    private static readonly string[] Words =
    [
        "[Interface]", "[Peer]", "PrivateKey", "ListenPort", "FwMark", "PublicKey", "PresharedKey", "AllowedIPs", "Endpoint",
        "PersistentKeepalive", "=", " = ", ",", "#", "\n", "\r\n", " ", "off", "0x", "65535", "10.0.0.0/8", "::/0", "1.2.3.4:5",
        "[::1]:7", "example.org:9", Key, "/", ":", "[", "]", "Address", "%1",
    ];

    private static readonly Gen<byte[]> Text =
        from parts in Gen.OneOf(
            Gen.Int[0, Words.Length - 1].Select(i => Encoding.UTF8.GetBytes(Words[i])),
            Gen.Int[0, Words.Length - 1].Select(i => Encoding.UTF8.GetBytes("\n" + Words[i] + " = " + Words[(i * 7) % Words.Length])),
            Gen.Byte.Array[0, 6]).Array[0, 24]
        select parts.SelectMany(part => part).ToArray();

    private static WgFile Parse(string text) => WgFileParser.Parse(Encoding.UTF8.GetBytes(text));
}
