using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using NetBird.WireGuard.Configuration;
using NetBird.WireGuard.Uapi;

namespace NetBird.WireGuard.Tests.Uapi;

/// <summary>The client side of the socket: against our server, whose other clients are wg(8), and against answers that are wrong.</summary>
[SupportedOSPlatform("linux")]
public sealed class UapiClientTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("netbird-uapi-");

    [Fact]
    public async Task ApplyAndRead_GiveBackWhatWasSet()
    {
        var model = new MemoryInterface();
        await using var server = UapiServer.Start("t0", model, NullLogger.Instance, _folder.FullName);
        using var own = PrivateKey.Generate();
        using var first = PrivateKey.Generate();
        using var second = PrivateKey.Generate();
        var client = new UapiClient("t0", _folder.FullName);

        client.Apply(new InterfaceChange
        {
            PrivateKey = own,
            ListenPort = 22001,
            FirewallMark = 7,
            ReplacePeers = true,
            Peers =
            [
                PeerChange.From(new PeerConfiguration
                {
                    PublicKey = first.PublicKey,
                    Endpoint = IPEndPoint.Parse("[fd00::1]:22002"),
                    AllowedIPs = [IPNetwork.Parse("10.1.0.0/16"), IPNetwork.Parse("fd00::/64")],
                    PersistentKeepalive = TimeSpan.FromSeconds(25),
                }),
                PeerChange.From(new PeerConfiguration { PublicKey = second.PublicKey, AllowedIPs = [] }),
            ],
        });
        client.Apply(new InterfaceChange { Peers = [new PeerChange { PublicKey = second.PublicKey, Remove = true }] });

        using var state = client.Read();
        Assert.Equal(own.PublicKey, state.PrivateKey?.PublicKey);
        Assert.Equal((22001, 7u), ((int)state.ListenPort, state.FirewallMark));
        var peer = Assert.Single(state.Peers).Status;
        Assert.Equal((first.PublicKey, "[fd00::1]:22002", TimeSpan.FromSeconds(25)), (peer.PublicKey, peer.Endpoint?.ToString(), peer.PersistentKeepalive));
        Assert.Equal(["10.1.0.0/16", "fd00::/64"], peer.AllowedIPs.Select(prefix => prefix.ToString()).Order());
        Assert.Equal(DateTimeOffset.FromUnixTimeSeconds(1_700_000_000), peer.LastHandshake);
        Assert.Equal((11L, 22L), (peer.ReceivedBytes, peer.SentBytes));
    }

    [Fact]
    public async Task Apply_TenThousandPeers_ArriveWhole()
    {
        var model = new MemoryInterface();
        await using var server = UapiServer.Start("t0", model, NullLogger.Instance, _folder.FullName);
        var client = new UapiClient("t0", _folder.FullName);
        var random = new Random(7);
        var raw = new byte[32];
        client.Apply(new InterfaceChange
        {
            Peers = [.. Enumerable.Range(0, 10_000).Select(i =>
            {
                random.NextBytes(raw);
                return PeerChange.From(new PeerConfiguration
                {
                    PublicKey = new NetBird.Primitives.PublicKey(raw),
                    AllowedIPs = [new IPNetwork(new IPAddress(new byte[] { 100, 64, (byte)(i >> 8), (byte)i }), 32)],
                });
            })],
        });

        using var state = client.Read();
        Assert.Equal(10_000, state.Peers.Count);
    }

    [Fact]
    public async Task Apply_Refused_TellsTheErrno()
    {
        var model = new MemoryInterface { Refusal = new UapiException(98, "taken") };
        await using var server = UapiServer.Start("t0", model, NullLogger.Instance, _folder.FullName);

        var refusal = Assert.Throws<UapiException>(() => new UapiClient("t0", _folder.FullName).Apply(new InterfaceChange { ListenPort = 1 }));

        Assert.Equal(98, refusal.Errno);
    }

    [Fact]
    public void Read_NobodyThere_NamesTheSocket()
    {
        var client = new UapiClient("t0", _folder.FullName);

        Assert.Contains(client.Path, Assert.Throws<IOException>(() => client.Read()).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("private_key=")]
    [InlineData("listen_port=1\n")]
    [InlineData("listen_port=1\n\n")]
    [InlineData("private_key=zz\nerrno=0\n\n")]
    [InlineData("public_key=00\nerrno=0\n\n")]
    [InlineData("hello\nerrno=0\n\n")]
    [InlineData("listen_port=-x\nerrno=0\n\n")]
    [InlineData("errno=-22\n\n")]
    public async Task Read_WrongAnswer_IsAnErrorAndNothingElse(string answer)
    {
        using var listening = Listen();
        var answering = AnswerOnceAsync(listening, Encoding.ASCII.GetBytes(answer));

        Assert.ThrowsAny<IOException>(() => new UapiClient("t0", _folder.FullName).Read());
        await answering;
    }

    [Fact]
    public async Task Read_ALineWithoutEnd_IsGivenUpOn()
    {
        using var listening = Listen();
        var answering = AnswerOnceAsync(listening, [.. Enumerable.Repeat((byte)'a', 100_000)]);

        Assert.ThrowsAny<IOException>(() => new UapiClient("t0", _folder.FullName).Read());
        await answering;
    }

    [Fact]
    public async Task Read_KeysOfALaterVersion_ArePassedOver()
    {
        using var listening = Listen();
        var answering = AnswerOnceAsync(listening, Encoding.ASCII.GetBytes(
            $"colour=green\nlisten_port=5\npublic_key={new string('a', 64)}\nshape=round\nallowed_ip=10.0.0.0/8\nerrno=0\n\n"));

        using var state = new UapiClient("t0", _folder.FullName).Read();

        Assert.Equal(5, state.ListenPort);
        Assert.Equal("10.0.0.0/8", Assert.Single(Assert.Single(state.Peers).Status.AllowedIPs).ToString());
        await answering;
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private Socket Listen()
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(Path.Combine(_folder.FullName, "t0.sock")));
        socket.Listen();
        return socket;
    }

    private static async Task AnswerOnceAsync(Socket listening, byte[] answer)
    {
        using var client = await listening.AcceptAsync();
        await client.ReceiveAsync(new byte[64]);
        try
        {
            await client.SendAsync(answer);
        }
        catch (SocketException)
        {
            // It gave up before it had all, as it may.
        }
    }
}
