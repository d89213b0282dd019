using System.Net;
using Microsoft.Extensions.Logging.Abstractions;

namespace NetBird.WireGuard.Tests.Linux;

/// <summary>One end of a tunnel under test.</summary>
internal static class End
{
    public static Task<ITunnel> OpenAsync(
        PrivateKey key, string addresses, int port = 0, bool ownNamespace = true, int mtu = 1420, string routes = "10.99.0.0/16,fd99::/64", string? name = null,
        TunnelKind kind = TunnelKind.Userspace)
        => Tunnel.OpenAsync(
            new TunnelOptions
            {
                InterfaceName = name ?? Requires.Name(),
                PrivateKey = key,
                ListenPort = port,
                Addresses = [.. addresses.Split(',').Select(IPAddress.Parse)],
                Routes = [.. routes.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(IPNetwork.Parse)],
                Mtu = mtu,
                Kind = kind,
                OwnNamespace = ownNamespace,
                Time = TimeProvider.System,
                Logging = NullLoggerFactory.Instance,
            },
            default);

    public static PeerConfiguration Peer(PrivateKey key, string allowed, IPEndPoint? endpoint = null, byte[]? psk = null, int keepalive = 0)
        => new()
        {
            PublicKey = key.PublicKey,
            AllowedIPs = [.. allowed.Split(',').Select(Network)],
            Endpoint = endpoint,
            PresharedKey = psk,
            PersistentKeepalive = TimeSpan.FromSeconds(keepalive),
        };

    private static IPNetwork Network(string text)
        => text.Contains('/', StringComparison.Ordinal) ? IPNetwork.Parse(text)
            : new IPNetwork(IPAddress.Parse(text), text.Contains(':', StringComparison.Ordinal) ? 128 : 32);

    /// <summary>Sends bytes from one end to a listener of the other and back; what came back.</summary>
    public static async Task<byte[]> EchoAsync(IOverlay from, IOverlay to, IPAddress address, byte[] sent)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        await using var listener = await to.ListenAsync(new IPEndPoint(address, 0), limit.Token);
        var echo = Task.Run(
            async () =>
            {
                var accepted = await listener.AcceptAsync(limit.Token);
                await using var stream = accepted!.Stream;
                await stream.CopyToAsync(stream, limit.Token);
            },
            limit.Token);
        await using var connection = await from.ConnectAsync(listener.LocalEndPoint, limit.Token);
        var write = connection.WriteAsync(sent, limit.Token);
        var received = new byte[sent.Length];
        await connection.ReadExactlyAsync(received, limit.Token);
        await write;
        await connection.DisposeAsync();
        await echo;
        return received;
    }
}
