#pragma warning disable CA1416 // Windows code run on Linux on purpose, against a stand-in; the attribute would make SkippableFact skip it.
using System.Net;
using CsCheck;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using NetBird.Primitives;
using NetBird.WireGuard.Configuration;
using NetBird.WireGuard.Windows;

namespace NetBird.WireGuard.Tests.Windows;

/// <summary>
/// The driver calls against a stand-in that records them and keeps a configuration by C structures of its own. No
/// Windows is needed, and none is proved: see the README for what ran where.
/// </summary>
public sealed class WireGuardNtTunnelTests
{
    private static readonly IPNetwork Overlay = IPNetwork.Parse("100.64.0.0/16");

    [SkippableFact]
    public async Task Open_WithAddressesAndRoutes_MakesTheCallsInOrder()
    {
        StandIn.Start();
        using var key = PrivateKey.Generate();

        await using (var tunnel = await OpenAsync(key))
        {
            Assert.Equal((TunnelKind.Kernel, key.PublicKey, 40000), (tunnel.Kind, tunnel.PublicKey, tunnel.ListenPort));
        }

        Assert.Equal(
            [
                "logger set",
                "create netbird0 NetBird with id",
                "logging 1",
                "set 0 peers, flags 14",
                "mtu 1400, family 2 on 1122334455667788, site prefix 0",
                "address family 2, 100.64.0.7/32 on 1122334455667788, dad 4",
                "state 1",
                "route family 2, 100.64.0.0/16 on 1122334455667788, hop family 2, metric 0",
                "close it",
            ],
            StandIn.Calls());
    }

    [SkippableFact]
    public async Task Peers_SetChangedAndRemoved_AreReadBackFromTheDriver()
    {
        StandIn.Start();
        using var key = PrivateKey.Generate();
        await using var tunnel = await OpenAsync(key);
        var first = Peer(1, "100.64.1.0/24", "fd01::/64");
        var second = Peer(2, "100.64.2.0/24") with
        {
            Endpoint = IPEndPoint.Parse("[fe80::5%3]:51820"),
            PresharedKey = Enumerable.Repeat((byte)7, 32).ToArray(),
            PersistentKeepalive = TimeSpan.FromSeconds(25),
        };

        tunnel.SetPeer(first);
        tunnel.SetPeer(second);
        var heard = new DateTimeOffset(2026, 11, 24, 20, 0, 0, TimeSpan.Zero);
        StandIn.Hear(heard);

        var status = tunnel.GetPeers().ToDictionary(peer => peer.PublicKey);
        Assert.Equal(first.AllowedIPs, status[first.PublicKey].AllowedIPs);
        Assert.Null(status[first.PublicKey].Endpoint);
        Assert.Equal(
            (second.Endpoint, heard, 11L, 22L, second.PersistentKeepalive),
            (status[second.PublicKey].Endpoint, status[second.PublicKey].LastHandshake, status[second.PublicKey].ReceivedBytes,
                status[second.PublicKey].SentBytes, status[second.PublicKey].PersistentKeepalive));
        Assert.Equal(first.PublicKey, tunnel.FindPeer(IPAddress.Parse("100.64.1.9")));

        // An address belongs to the peer it was given to last, in the driver and in what we remember.
        tunnel.SetPeer(second with { AllowedIPs = [.. first.AllowedIPs] });
        Assert.Equal(second.PublicKey, tunnel.FindPeer(IPAddress.Parse("fd01::9")));
        Assert.Empty(tunnel.GetPeers().Single(peer => peer.PublicKey == first.PublicKey).AllowedIPs);

        Assert.True(tunnel.RemovePeer(second.PublicKey));
        Assert.False(tunnel.RemovePeer(second.PublicKey));
        Assert.Null(tunnel.FindPeer(IPAddress.Parse("fd01::9")));
        Assert.Equal(first.PublicKey, Assert.Single(tunnel.GetPeers()).PublicKey);
    }

    [SkippableFact]
    public async Task GetPeers_MoreThanTheFirstBufferHolds_AsksAgain()
    {
        StandIn.Start();
        using var key = PrivateKey.Generate();
        await using var tunnel = await OpenAsync(key);
        for (var i = 0; i < 20; i++)
        {
            tunnel.SetPeer(Peer(i + 1, [.. Enumerable.Range(0, 60).Select(n => $"100.64.{i}.{n}/32")]));
        }

        var peers = tunnel.GetPeers();

        Assert.Equal(20, peers.Count);
        Assert.All(peers, peer => Assert.Equal(60, peer.AllowedIPs.Count));
        Assert.Contains("more data", StandIn.Calls());
    }

    [SkippableFact]
    public async Task NetworkChanged_PeersThatWereHeard_AreCalledAtOnce()
    {
        StandIn.Start();
        using var key = PrivateKey.Generate();
        await using var tunnel = await OpenAsync(key);
        tunnel.SetPeer(Peer(1, "100.64.1.0/24") with { PersistentKeepalive = TimeSpan.FromSeconds(25) });
        StandIn.Hear(DateTimeOffset.UnixEpoch);
        var before = StandIn.Calls().Length;

        tunnel.NetworkChanged();

        Assert.Equal(["set 1 peers, flags 0", "set 1 peers, flags 0", "set 1 peers, flags 0"], StandIn.Calls()[before..]);
        var status = Assert.Single(tunnel.GetPeers());
        Assert.Equal((TimeSpan.FromSeconds(25), 1), (status.PersistentKeepalive, status.AllowedIPs.Count));
    }

    [SkippableTheory]
    [InlineData("WireGuardCreateAdapter", 5, "run it as administrator", false)]
    [InlineData("WireGuardSetConfiguration", 87, "configure the adapter", true)]
    [InlineData("CreateUnicastIpAddressEntry", 1168, "add address 100.64.0.7", true)]
    [InlineData("WireGuardSetAdapterState", 10048, "bring the adapter up", true)]
    public async Task Open_CallRefused_SaysWhatAndClosesTheAdapter(string call, int code, string said, bool closes)
    {
        StandIn.Start();
        StandIn.Fail(call, code);
        using var key = PrivateKey.Generate();

        var e = await Record.ExceptionAsync(() => OpenAsync(key));

        Assert.Contains(said, Assert.IsType<TunnelException>(e).Message, StringComparison.Ordinal);
        Assert.Equal(closes, StandIn.Calls().Contains("close it"));
    }

    [SkippableFact]
    public async Task Open_NobodySaidThatOthersMayUseIt_IsRefusedBeforeTheDriverIsAsked()
    {
        StandIn.Start();
        using var key = PrivateKey.Generate();

        var e = await Assert.ThrowsAsync<TunnelException>(() => OpenAsync(key, ownNamespace: true));

        Assert.Contains("past the guarded endpoint", e.Lack, StringComparison.Ordinal);
        Assert.Contains("--tunnel-namespace host", e.Message, StringComparison.Ordinal);
        Assert.Empty(StandIn.Calls());
    }

    [SkippableFact]
    public async Task Logger_WhenTheDriverSpeaks_IsHeard()
    {
        StandIn.Start();
        using var key = PrivateKey.Generate();
        using var logging = new RememberingLoggers();

        await using var tunnel = await OpenAsync(key, logging);

        Assert.Contains("WireGuardNT warns: hello", logging.Messages);
    }

    [SkippableFact]
    public void Adapter_OpenedByName_HasStateAndVersion()
    {
        StandIn.Start();
        Assert.Null(WireGuardNt.Open("netbird0"));
        Assert.Null(WireGuardNt.RunningDriverVersion());

        using var created = WireGuardNt.Create("netbird0", Guid.NewGuid());
        using var opened = WireGuardNt.Open("netbird0");

        Assert.NotNull(opened);
        Assert.Equal(NtFlags.State.Down, WireGuardNt.StateOf(opened));
        WireGuardNt.SetState(opened, NtFlags.State.Up);
        Assert.Equal(NtFlags.State.Up, WireGuardNt.StateOf(opened));
        Assert.Equal(new Version(0, 10), WireGuardNt.RunningDriverVersion());
    }

    [Fact]
    public void Read_AnyBytes_IsAConfigurationOrFoundInvalid()
        => Gen.Select(Changes, Gen.Int[0, 900].Array[0, 4], Gen.Byte.Array[4], Gen.Int[0, 900]).Sample(
            (change, places, with, cut) =>
            {
                var bytes = NtConfiguration.Write(change);
                for (var i = 0; i < places.Length; i++)
                {
                    bytes[places[i] % bytes.Length] = with[i];
                }

                try
                {
                    using var state = NtConfiguration.Read("x", cut % 5 == 0 ? bytes.AsSpan(0, cut % bytes.Length) : bytes);
                    Assert.True(state.Peers.Count <= bytes.Length / 136);
                }
                catch (InvalidDataException)
                {
                }
            },
            iter: Fuzzing.Cases,
            threads: 1);

    private static readonly Gen<InterfaceChange> Changes =
        from port in Gen.UShort
        from peers in (
            from key in Gen.Byte.Array[32]
            from address in Gen.Byte.Array[4]
            from prefixes in Gen.Int[0, 32].Array[0, 4]
            select new PeerChange
            {
                PublicKey = new PublicKey(key),
                Endpoint = new IPEndPoint(new IPAddress(address), 5),
                AllowedIPs = [.. prefixes.Select(length => NetBird.WireGuard.Linux.Netlink.RouteSocket.Prefix(new IPAddress(address), length))],
            }).Array[0, 4]
        select new InterfaceChange { ListenPort = port, Peers = peers };

    private static Task<ITunnel> OpenAsync(PrivateKey key, ILoggerFactory? logging = null, bool ownNamespace = false)
        => WireGuardNtTunnel.OpenAsync(
            new TunnelOptions
            {
                InterfaceName = "netbird0",
                PrivateKey = key,
                Addresses = [IPAddress.Parse("100.64.0.7")],
                Routes = [Overlay],
                Mtu = 1400,
                Kind = TunnelKind.Kernel,
                OwnNamespace = ownNamespace,
                Time = TimeProvider.System,
                Logging = logging ?? NullLoggerFactory.Instance,
            },
            CancellationToken.None);

    private static PeerConfiguration Peer(int number, params string[] prefixes)
    {
        var key = new byte[32];
        key[0] = (byte)number;
        return new PeerConfiguration { PublicKey = new PublicKey(key), AllowedIPs = [.. prefixes.Select(text => IPNetwork.Parse(text))] };
    }

    private sealed class RememberingLoggers : ILoggerFactory, ILogger
    {
        public List<string> Messages { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public void Dispose()
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull
            => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
            => Messages.Add(formatter(state, exception));
    }
}
