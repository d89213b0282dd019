#pragma warning disable CA1416 // macOS code run on Linux on purpose, against a stand-in; the attribute would make SkippableFact skip it.
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using NetBird.WireGuard.Mac;
using NetBird.WireGuard.Tests.Windows;

namespace NetBird.WireGuard.Tests.Mac;

/// <summary>The utun adapter against a stand-in for the driver. What macOS itself does is not proved here.</summary>
public sealed class UtunAdapterTests
{
    [SkippableFact]
    public async Task Device_Packets_PassBothWaysBehindTheirFamily()
    {
        StandIn.Start();
        var seen = new TaskCompletionSource<byte[]>(TaskCreationOptions.RunContinuationsAsynchronously);
        var device = UtunDevice.Open(1400);
        using var wire = new Socket(new SafeSocketHandle(StandIn.UtunEnd, ownsHandle: true));

        device.Start(packet => seen.TrySetResult(packet.ToArray()));
        device.Write([0x45, 1, 2]);
        device.Write([0x60, 3]);
        var buffer = new byte[64];
        Assert.Equal([0, 0, 0, 2, 0x45, 1, 2], buffer[..wire.Receive(buffer)]);
        Assert.Equal([0, 0, 0, 30, 0x60, 3], buffer[..wire.Receive(buffer)]);
        wire.Send([0, 0, 0, 2, 0x45, 9, 9]);

        Assert.Equal([0x45, 9, 9], await seen.Task.WaitAsync(TimeSpan.FromSeconds(20)));
        Assert.Equal(("utun9", 1400), (device.Name, device.Mtu));
        device.Close();
        Assert.Equal(0, wire.Receive(buffer));
        device.Write([0x45]);
    }

    [SkippableFact]
    public async Task Open_WithAddressesAndRoutes_RunsTheSystemsProgramsInOrder()
    {
        StandIn.Start();
        using var key = PrivateKey.Generate();
        var ran = new List<string>();

        await using (var tunnel = UtunAdapter.Open(Options(key), "because.", (program, arguments) => ran.Add($"{program} {string.Join(' ', arguments)}")))
        {
            Assert.Equal((TunnelKind.Userspace, "utun9", "because."), (tunnel.Kind, tunnel.InterfaceName, tunnel.KindReason));
        }

        new Socket(new SafeSocketHandle(StandIn.UtunEnd, ownsHandle: true)).Dispose();
        Assert.Equal(
            [
                "/sbin/ifconfig utun9 mtu 1400 up",
                "/sbin/ifconfig utun9 inet 100.64.0.7 100.64.0.7 netmask 255.255.255.255 alias",
                "/sbin/ifconfig utun9 inet6 fd00::7 prefixlen 128 alias",
                "/sbin/route -q -n add -inet 100.64.0.0/16 -interface utun9",
                "/sbin/route -q -n add -inet6 fd00::/64 -interface utun9",
            ],
            ran);
    }

    [SkippableTheory]
    [InlineData(1, "run it as root")]
    [InlineData(16, "create a utun interface")]
    public void Open_Refused_SaysWhy(int error, string said)
    {
        StandIn.Start();
        StandIn.RefuseUtun((uint)error);
        using var key = PrivateKey.Generate();

        var e = Assert.Throws<TunnelException>(() => UtunAdapter.Open(Options(key), "", (_, _) => { }));

        new Socket(new SafeSocketHandle(StandIn.UtunEnd, ownsHandle: true)).Dispose();
        Assert.Contains(said, e.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void Open_NobodySaidThatOthersMayUseIt_IsRefused()
    {
        using var key = PrivateKey.Generate();

        var e = Assert.Throws<TunnelException>(() => UtunAdapter.Open(Options(key) with { OwnNamespace = true }, "", (_, _) => { }));

        Assert.Contains("past the guarded endpoint", e.Lack, StringComparison.Ordinal);
    }

    private static TunnelOptions Options(PrivateKey key) => new()
    {
        InterfaceName = "nb0",
        PrivateKey = key,
        Addresses = [IPAddress.Parse("100.64.0.7"), IPAddress.Parse("fd00::7")],
        Routes = [IPNetwork.Parse("100.64.0.0/16"), IPNetwork.Parse("fd00::/64")],
        Mtu = 1400,
        OwnNamespace = false,
        Time = TimeProvider.System,
        Logging = NullLoggerFactory.Instance,
    };
}
