using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using NetBird.Primitives;
using NetBird.WireGuard;

namespace KernelGuest;

/// <summary>Bytes that cross, and peers that are told where the other is.</summary>
internal static partial class Checks
{
    /// <summary>The first of the two calls: it sends the initiation.</summary>
    private static async Task<string> TransferAsync(
        TunnelKind caller, TunnelKind callee, IPAddress outer, bool preshared, bool v6, CancellationToken stop)
    {
        const int Bytes = 2 * 1024 * 1024;
        using var callerKey = PrivateKey.Generate();
        using var calleeKey = PrivateKey.Generate();
        var secret = preshared ? RandomNumberGenerator.GetBytes(32) : null;
        var (near, far) = v6 ? (KernelAddress6, OtherAddress6) : (KernelAddress, OtherAddress);
        await using var one = await OpenAsync(caller, callerKey, [near], stop);
        await using var two = await OpenAsync(callee, calleeKey, [far], stop);
        Require(one.Kind == caller && two.Kind == callee, $"kinds are {one.Kind} and {two.Kind}");

        // Only the caller knows where the other is: the callee learns it from the handshake.
        one.SetPeer(Peer(calleeKey, far, new IPEndPoint(outer, two.ListenPort), secret));
        two.SetPeer(Peer(callerKey, near, null, secret));
        await using var listener = await two.Overlay.ListenAsync(new IPEndPoint(far, 8080), stop);
        var sent = RandomNumberGenerator.GetBytes(Bytes);
        var answering = AnswerAsync(listener, Bytes, stop);

        await using var stream = await one.Overlay.ConnectAsync(new IPEndPoint(far, 8080), stop);
        var returned = new byte[Bytes];
        await Task.WhenAll(stream.WriteAsync(sent, stop).AsTask(), stream.ReadExactlyAsync(returned, stop).AsTask());
        var from = await answering;

        Require(returned.AsSpan().SequenceEqual(sent), "what came back is not what was sent");
        Require(from.Equals(near), $"the call came from {from}");
        Require(two.FindPeer(near) == callerKey.PublicKey, "the callee does not know whose address it is");
        foreach (var (tunnel, peer) in (ReadOnlySpan<(ITunnel, PublicKey)>)[(one, calleeKey.PublicKey), (two, callerKey.PublicKey)])
        {
            var status = tunnel.GetPeers().Single();
            Require(status.PublicKey == peer, "a peer has another key");
            Require(status.LastHandshake is { } at && (TimeProvider.System.GetUtcNow() - at).Duration() < TimeSpan.FromMinutes(1), $"last handshake is {status.LastHandshake}");
            Require(status.ReceivedBytes > Bytes && status.SentBytes > Bytes, $"counted {status.ReceivedBytes} in, {status.SentBytes} out");
            Require(status.Endpoint is not null, "a peer has no endpoint");
        }

        return "2 MiB each way";
    }

    private static async Task<IPAddress> AnswerAsync(IOverlayListener listener, int bytes, CancellationToken stop)
    {
        var connection = await listener.AcceptAsync(stop) ?? throw new InvalidOperationException("nobody called");
        await using var stream = connection.Stream;
        var buffer = new byte[64 * 1024];
        for (var done = 0; done < bytes;)
        {
            var read = await stream.ReadAsync(buffer, stop);
            Require(read > 0, "the call ended early");
            await stream.WriteAsync(buffer.AsMemory(0, read), stop);
            done += read;
        }

        return connection.Remote.Address;
    }

    /// <summary>
    /// The kernel's own next try is 5 s after the one before. A busy machine may need as long for what is between, so it is tried
    /// until it did not.
    /// </summary>
    private static async Task<string> TriesInVainAsync(CancellationToken stop)
    {
        using var oneKey = PrivateKey.Generate();
        using var twoKey = PrivateKey.Generate();
        var secret = RandomNumberGenerator.GetBytes(32);
        while (true)
        {
            await using var one = await OpenAsync(TunnelKind.Kernel, oneKey, [KernelAddress], stop);
            var port = Interlocked.Increment(ref s_port);
            one.SetPeer(Peer(twoKey, OtherAddress, new IPEndPoint(IPAddress.Loopback, port), secret) with { PersistentKeepalive = TimeSpan.FromSeconds(25) });
            await UntilAsync(() => one.GetPeers().Single().SentBytes > 0, stop);
            var tried = Stopwatch.GetTimestamp();
            await using var two = await Tunnel.OpenAsync(Options(TunnelKind.Kernel, twoKey, [OtherAddress], "wg1", ownNamespace: true, port), stop);
            two.SetPeer(Peer(oneKey, KernelAddress, null, secret));

            one.NetworkChanged();

            await UntilAsync(() => one.GetPeers().Single().LastHandshake is not null, stop);
            if (Stopwatch.GetElapsedTime(tried) is var heard && heard < TimeSpan.FromSeconds(4.5))
            {
                var peer = one.GetPeers().Single();
                Require(peer.PersistentKeepalive == TimeSpan.FromSeconds(25) && peer.AllowedIPs.SequenceEqual([new IPNetwork(OtherAddress, 32)]), "the peer is another now");
                Require(one.FindPeer(OtherAddress) == twoKey.PublicKey, "the peer is not found by its address");
                return $"heard {heard.TotalMilliseconds:F0} ms after the try in vain";
            }
        }
    }

    private static async Task<string> NetworkChangedAsync(CancellationToken stop)
    {
        using var oneKey = PrivateKey.Generate();
        using var twoKey = PrivateKey.Generate();
        await using var one = await OpenAsync(TunnelKind.Kernel, oneKey, [KernelAddress], stop);
        await using var two = await OpenAsync(TunnelKind.Kernel, twoKey, [OtherAddress], stop);
        two.SetPeer(Peer(oneKey, KernelAddress, null, null));
        one.SetPeer(Peer(twoKey, OtherAddress, new IPEndPoint(IPAddress.Loopback, two.ListenPort), null) with
        {
            PersistentKeepalive = TimeSpan.FromSeconds(3600),
        });
        await UntilAsync(() => two.GetPeers().Single().ReceivedBytes > 0, stop);
        await UntilAsync(() => one.GetPeers().Single().LastHandshake is not null, stop);
        var before = two.GetPeers().Single().ReceivedBytes;

        one.NetworkChanged();

        await UntilAsync(() => two.GetPeers().Single().ReceivedBytes > before, stop);
        Require(one.GetPeers().Single().PersistentKeepalive == TimeSpan.FromSeconds(3600), "the keepalive is another now");
        return "the other end hears of it at once";
    }
}
