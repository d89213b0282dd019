using System.Diagnostics;
using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using NetBird.Primitives;
using NetBird.WireGuard;

namespace KernelGuest;

/// <summary>What only a kernel with WireGuard can show.</summary>
internal static partial class Checks
{
    private static readonly IPAddress KernelAddress = IPAddress.Parse("10.99.0.1");
    private static readonly IPAddress KernelAddress6 = IPAddress.Parse("fd99::1");
    private static readonly IPAddress OtherAddress = IPAddress.Parse("10.99.0.2");
    private static readonly IPAddress OtherAddress6 = IPAddress.Parse("fd99::2");
    private static int s_port = 22100;

    public static IEnumerable<(string Name, Func<CancellationToken, Task<string>> Run)> All =>
    [
        ("kernel-to-kernel", stop => TransferAsync(TunnelKind.Kernel, TunnelKind.Kernel, IPAddress.Loopback, preshared: false, v6: false, stop)),
        ("kernel-to-userspace", stop => TransferAsync(TunnelKind.Kernel, TunnelKind.Userspace, IPAddress.Loopback, preshared: false, v6: false, stop)),
        ("userspace-to-kernel", stop => TransferAsync(TunnelKind.Userspace, TunnelKind.Kernel, IPAddress.Loopback, preshared: false, v6: false, stop)),
        ("kernel-to-userspace-ipv6-preshared", stop => TransferAsync(TunnelKind.Kernel, TunnelKind.Userspace, IPAddress.IPv6Loopback, preshared: true, v6: true, stop)),
        ("many-peers", ManyPeersAsync),
        ("many-prefixes", ManyPrefixesAsync),
        ("wg-agrees", WgAgreesAsync),
        ("plain-interface", PlainInterfaceAsync),
        ("network-changed", NetworkChangedAsync),
        ("network-changed-after-tries-in-vain", TriesInVainAsync),
        ("removed-when-disposed", RemovedWhenDisposedAsync),
        ("left-behind-is-removed", LeftBehindIsRemovedAsync),
        ("others-interface-is-kept", OthersInterfaceIsKeptAsync),
        ("port-taken", PortTakenAsync),
        ("killed-at-any-moment-own-namespace", stop => KilledAsync(own: true, stop)),
        ("killed-at-any-moment-host-namespace", stop => KilledAsync(own: false, stop)),
        ("clock-set", ClockSetAsync),
    ];


    private static Task<ITunnel> OpenAsync(
        TunnelKind kind, PrivateKey key, IPAddress[] addresses, CancellationToken stop, string name = "wg0", bool ownNamespace = true)
        => Tunnel.OpenAsync(Options(kind, key, addresses, name, ownNamespace, Interlocked.Increment(ref s_port)), stop);

    private static TunnelOptions Options(
        TunnelKind kind, PrivateKey key, IPAddress[] addresses, string name, bool ownNamespace, int port) => new()
    {
        InterfaceName = name,
        PrivateKey = key,
        ListenPort = port,
        Addresses = addresses,
        Routes = [IPNetwork.Parse("10.99.0.0/16"), IPNetwork.Parse("fd99::/64")],
        Kind = kind,
        OwnNamespace = ownNamespace,
        Time = TimeProvider.System,
        Logging = NullLoggerFactory.Instance,
    };

    private static PeerConfiguration Peer(PrivateKey key, IPAddress address, IPEndPoint? endpoint, byte[]? secret) => new()
    {
        PublicKey = key.PublicKey,
        Endpoint = endpoint,
        PresharedKey = secret,
        AllowedIPs = [new IPNetwork(address, address.GetAddressBytes().Length * 8)],
    };

    private static PublicKey KeyOf(int number)
    {
        var bytes = new byte[32];
        BitConverter.TryWriteBytes(bytes, number + 1);
        return new PublicKey(bytes);
    }

    private static IPAddress AddressOf(int number) => new([10, 98, (byte)(number >> 8), (byte)number]);

    private static async Task UntilAsync(Func<bool> condition, CancellationToken stop)
    {
        while (!condition())
        {
            await Task.Delay(50, stop);
        }
    }

    private static async Task<string> FailureAsync(Func<Task<ITunnel>> open)
    {
        try
        {
            await using var tunnel = await open();
            return "it opened";
        }
        catch (TunnelException e)
        {
            return e.Message;
        }
    }

    private static async Task<string> RunAsync(string program, string[] arguments, CancellationToken stop)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        var output = await process.StandardOutput.ReadToEndAsync(stop);
        await process.WaitForExitAsync(stop);
        Require(process.ExitCode == 0, $"{program} ended with {process.ExitCode}");
        return output;
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new InvalidOperationException(otherwise);
        }
    }
}
