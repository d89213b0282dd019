using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using NetBird.Primitives;
using NetBird.WireGuard;
using NetBird.WireGuard.Userspace.Sessions;

namespace Benchmarks.Tunnel;

/// <summary>Our end as a process of its own, in whatever namespace it was started: the counterpart of a wireguard-go process.</summary>
internal static class TunnelEnd
{
    /// <summary>How many threads help with the arithmetic, in place of what suits the machine.</summary>
    public const string HelpersVariable = "NETBIRD_BENCH_HELPERS";

    /// <summary>Interface, address, port, MTU, peer's key, peer's address and peer's endpoint; our key comes on standard input.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        using var key = PrivateKey.TryParse(Console.In.ReadLine()) ?? throw new ArgumentException("No private key on standard input.");
        if (args is not [var name, var address, var port, var mtu, var peerKey, var peerAddress, var peerEndpoint]
            || !PublicKey.TryParse(peerKey, out var peer))
        {
            return 2;
        }

        if (int.TryParse(Environment.GetEnvironmentVariable(HelpersVariable), out var helpers))
        {
            CipherTeam.HelpersHere = helpers;
        }

        await using var tunnel = await NetBird.WireGuard.Tunnel.OpenAsync(
            new TunnelOptions
            {
                InterfaceName = name,
                PrivateKey = key,
                ListenPort = int.Parse(port, null),
                Addresses = [IPAddress.Parse(address)],
                Routes = [new IPNetwork(IPAddress.Parse(peerAddress), 32)],
                Mtu = int.Parse(mtu, null),
                Kind = TunnelKind.Userspace,
                OwnNamespace = false,
                Time = TimeProvider.System,
                Logging = NullLoggerFactory.Instance,
            },
            default);
        tunnel.SetPeer(new PeerConfiguration
        {
            PublicKey = peer,
            AllowedIPs = [new IPNetwork(IPAddress.Parse(peerAddress), 32)],
            Endpoint = IPEndPoint.Parse(peerEndpoint),
        });
        Console.WriteLine("ready");

        // Until the other side of standard input closes.
        await Console.In.ReadToEndAsync();
        return 0;
    }
}
