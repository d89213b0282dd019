using System.Text;
using CsCheck;
using NetBird.WireGuard.Uapi;

namespace NetBird.WireGuard.Tests.Uapi;

public sealed class UapiConversationTests
{
    // wireguard.com/xplatform, "Example Dialog": the request is theirs, for want of a better authority.
    private const string Example =
        """
        set=1
        private_key=e84b5a6d2717c1003a13b431570353dbaca9146cf150c5f8575680feba52027a
        fwmark=0
        listen_port=12912
        replace_peers=true
        public_key=b85996fecc9c7f1fc6d2572a76eda11d59bcd20be8e543b15ce4bd85a8e75a33
        preshared_key=188515093e952f5f22e865cef3012e72f8b5f0b598ac0309d5dacce3b70fcf52
        replace_allowed_ips=true
        allowed_ip=192.168.4.4/32
        endpoint=[abcd:23::33%2]:51820
        public_key=58402e695ba1772b1cc9309755f043251ea77fdcf10fbe63989ceb7e19321376
        replace_allowed_ips=true
        allowed_ip=192.168.4.6/32
        persistent_keepalive_interval=111
        endpoint=182.122.22.19:3233
        public_key=662e14fd594556f522604703340351258903b64f35553763f19426ab2a515c58
        endpoint=5.152.198.39:51820
        replace_allowed_ips=true
        allowed_ip=192.168.4.10/32
        allowed_ip=192.168.4.11/32
        public_key=e818b58db5274087fcc1be5dc728cf53d3b5726b4cef6b9bab8f8f8c2452c25c
        remove=true


        """;

    [Fact]
    public async Task Set_TheExampleDialog_IsDoneAndReadBack()
    {
        var model = new MemoryInterface();

        Assert.Equal("errno=0\n\n", await AskAsync(model, Example));
        var answer = await AskAsync(model, "get=1\n\n");

        var lines = answer.Split('\n');
        Assert.Equal("private_key=e84b5a6d2717c1003a13b431570353dbaca9146cf150c5f8575680feba52027a", lines[0]);
        Assert.Contains("listen_port=12912", lines);
        Assert.Contains("endpoint=[abcd:23::33%2]:51820", lines);
        Assert.Contains("preshared_key=188515093e952f5f22e865cef3012e72f8b5f0b598ac0309d5dacce3b70fcf52", lines);
        Assert.Contains("persistent_keepalive_interval=111", lines);
        Assert.Contains("last_handshake_time_sec=1700000000", lines);
        Assert.Contains("rx_bytes=11", lines);
        Assert.Contains("tx_bytes=22", lines);
        Assert.Contains("allowed_ip=192.168.4.11/32", lines);
        Assert.Equal(3, lines.Count(line => line.StartsWith("public_key=", StringComparison.Ordinal)));
        Assert.EndsWith("\nerrno=0\n\n", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("private_key=00")]
    [InlineData("private_key=zz4b5a6d2717c1003a13b431570353dbaca9146cf150c5f8575680feba52027a")]
    [InlineData("listen_port=65536")]
    [InlineData("listen_port=-1")]
    [InlineData("listen_port=+1")]
    [InlineData("replace_peers=false")]
    [InlineData("unknown=1")]
    [InlineData("no equals sign")]
    [InlineData("allowed_ip=10.0.0.0/8")]
    [InlineData(PeerLine + "allowed_ip=10.0.0.0/33")]
    [InlineData(PeerLine + "allowed_ip=10.0.0/8")]
    [InlineData(PeerLine + "allowed_ip=fe80::1%1/64")]
    [InlineData(PeerLine + "endpoint=1.2.3.4")]
    [InlineData(PeerLine + "endpoint=example.org:1")]
    [InlineData(PeerLine + "endpoint=[1.2.3.4]:1")]
    [InlineData(PeerLine + "endpoint=::1:1")]
    [InlineData(PeerLine + "persistent_keepalive_interval=65536")]
    [InlineData(PeerLine + "protocol_version=2")]
    [InlineData(PeerLine + "listen_port=1")]
    public async Task Set_WithAMistake_AnswersEinvalAndChangesNothing(string lines)
    {
        var model = new MemoryInterface();

        var answer = await AskAsync(model, $"set=1\nlisten_port=7\n{lines}\n\nget=1\n\n");

        // The second request of the same client is still understood, and shows the first left nothing behind.
        Assert.Equal("errno=-22\n\nlisten_port=0\nerrno=0\n\n", answer);
    }

    [Fact]
    public async Task Set_RefusedByTheInterface_AnswersItsErrno()
    {
        var model = new MemoryInterface { Refusal = new UapiException(UapiException.AddressInUse, "taken") };

        Assert.Equal("errno=-98\n\n", await AskAsync(model, "set=1\nlisten_port=7\n\n"));
    }

    [Theory]
    [InlineData("hello\n")]
    [InlineData("get=2\n\n")]
    [InlineData("set=1\nlisten_port=7\n")]
    public async Task Request_ThatIsNone_IsAnsweredAndTheClientDropped(string request)
    {
        var model = new MemoryInterface();

        Assert.Equal("errno=-22\n\n", await AskAsync(model, request));
        Assert.Equal("listen_port=0\nerrno=0\n\n", await AskAsync(model, "get=1\n\n"));
    }

    [Fact]
    public async Task Line_ThatNeverEnds_IsNotReadForEver()
        => await Assert.ThrowsAsync<UapiException>(
            () => AskAsync(new MemoryInterface(), new string('x', UapiConversation.LongestLine + 1)));

    [Fact]
    public void Parse_AnyLines_IsAChangeOrEinval()
        => Lines.Sample(
            lines =>
            {
                using var parser = new UapiParser();
                try
                {
                    foreach (var line in lines)
                    {
                        parser.Add(line);
                    }

                    // Whatever was accepted can be applied and written.
                    var model = new MemoryInterface();
                    model.Apply(parser.Complete());
                    using var state = model.Read();
                    using var answer = new UapiAnswer();
                    answer.Write(state).End();
                }
                catch (UapiException e)
                {
                    Assert.Equal(UapiException.Invalid, e.Errno);
                }
            },
            iter: Fuzzing.Cases,
            threads: 1);

    private const string PeerLine = "public_key=b85996fecc9c7f1fc6d2572a76eda11d59bcd20be8e543b15ce4bd85a8e75a33\n";

    private static readonly string[] Keys =
    [
        "private_key", "listen_port", "fwmark", "replace_peers", "public_key", "preshared_key", "endpoint", "remove",
        "update_only", "persistent_keepalive_interval", "replace_allowed_ips", "allowed_ip", "protocol_version",
    ];

    private static readonly Gen<string> Value = Gen.OneOf(
        Gen.Int[0, 5].Select(i => ((string[])["true", "0", "1", "65535", "", "4294967296"])[i]),
        Gen.Byte.Array[32].Select(Convert.ToHexStringLower),
        Gen.Select(Gen.Byte.Array[4], Gen.Int[-1, 40]).Select((a, n) => $"{new System.Net.IPAddress(a)}/{n}"),
        Gen.Select(Gen.Byte.Array[16], Gen.Int[-1, 140]).Select((a, n) => $"{new System.Net.IPAddress(a)}/{n}"),
        Gen.Select(Gen.Byte.Array[16], Gen.Int[-1, 70000]).Select((a, n) => $"[{new System.Net.IPAddress(a)}]:{n}"),
        Gen.Select(Gen.Byte.Array[4], Gen.Int[-1, 70000]).Select((a, n) => $"{new System.Net.IPAddress(a)}:{n}"),
        Gen.String[Gen.Char['%', ':'], 0, 20]);

    private static readonly Gen<byte[]> Line = Gen.OneOf(
        Gen.Select(Gen.Int[0, Keys.Length - 1], Value).Select((i, v) => Encoding.ASCII.GetBytes($"{Keys[i]}={v}")),
        Gen.Select(Gen.Int[0, Keys.Length - 1], Gen.Byte.Array[0, 80])
            .Select((i, v) => (byte[])[.. Encoding.ASCII.GetBytes(Keys[i]), (byte)'=', .. v]),
        Gen.Byte.Array[0, 40]);

    private static readonly Gen<byte[][]> Lines = Line.Array[0, 12];

    /// <summary>What a client hears that says this and hangs up.</summary>
    private static async Task<string> AskAsync(MemoryInterface model, string request)
    {
        using var stream = new TwoWayStream(Encoding.ASCII.GetBytes(request.ReplaceLineEndings("\n")));
        using var conversation = new UapiConversation(stream, model);
        await conversation.RunAsync(CancellationToken.None);
        return Encoding.ASCII.GetString(stream.Written);
    }

    /// <summary>Reads from one buffer, a few bytes at a time, and writes to another.</summary>
    private sealed class TwoWayStream(byte[] request) : MemoryStream(request)
    {
        private readonly MemoryStream _written = new();

        public byte[] Written => _written.ToArray();

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
            => base.ReadAsync(buffer[..Math.Min(buffer.Length, 7)], cancellationToken);

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
            => _written.WriteAsync(buffer, cancellationToken);

        protected override void Dispose(bool disposing)
        {
            _written.Dispose();
            base.Dispose(disposing);
        }
    }
}
