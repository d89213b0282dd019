using System.Net;
using NetBird.Primitives;

namespace NetBird.WireGuard;

/// <summary>One peer as the interface is told of it; the wg(8) fields.</summary>
public sealed record PeerConfiguration
{
    /// <summary>The peer's key, by which it is known.</summary>
    public required PublicKey PublicKey { get; init; }

    /// <summary>32 bytes mixed into the handshake, or null for none.</summary>
    public byte[]? PresharedKey { get; init; }

    /// <summary>Where to send first; null waits until the peer is heard. Roams with the peer afterwards.</summary>
    public IPEndPoint? Endpoint { get; init; }

    /// <summary>Inner addresses that belong to the peer. An address belongs to the peer it was given to last.</summary>
    public required IReadOnlyList<IPNetwork> AllowedIPs { get; init; }

    /// <summary>Persistent keepalive, 1 to 65535 s in whole seconds; zero sends none.</summary>
    public TimeSpan PersistentKeepalive { get; init; }
}
