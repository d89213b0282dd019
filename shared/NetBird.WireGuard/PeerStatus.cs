using System.Net;
using NetBird.Primitives;

namespace NetBird.WireGuard;

/// <summary>What is known of a peer now; the counters of wg(8).</summary>
/// <param name="PublicKey">The peer's key.</param>
/// <param name="Endpoint">Where it was last heard, or null before it was.</param>
/// <param name="LastHandshake">When the last handshake completed, or null before the first.</param>
/// <param name="ReceivedBytes">Bytes of WireGuard messages received from it.</param>
/// <param name="SentBytes">Bytes of WireGuard messages sent to it.</param>
/// <param name="AllowedIPs">Inner addresses that belong to it.</param>
/// <param name="PersistentKeepalive">As configured; zero for none.</param>
public sealed record PeerStatus(
    PublicKey PublicKey,
    IPEndPoint? Endpoint,
    DateTimeOffset? LastHandshake,
    long ReceivedBytes,
    long SentBytes,
    IReadOnlyList<IPNetwork> AllowedIPs,
    TimeSpan PersistentKeepalive);
