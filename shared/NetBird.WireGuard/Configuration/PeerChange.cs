using System.Net;
using NetBird.Primitives;

namespace NetBird.WireGuard.Configuration;

/// <summary>A change to one peer; it is made when there is none. What is null stays as it is.</summary>
internal sealed record PeerChange
{
    public required PublicKey PublicKey { get; init; }

    /// <summary>Forget the peer; the rest is not looked at.</summary>
    public bool Remove { get; init; }

    /// <summary>Change the peer only where there is one already.</summary>
    public bool UpdateOnly { get; init; }

    /// <summary>32 bytes; all zero is no preshared key.</summary>
    public byte[]? PresharedKey { get; init; }

    public IPEndPoint? Endpoint { get; init; }

    /// <summary>Seconds; zero sends none.</summary>
    public ushort? PersistentKeepaliveSeconds { get; init; }

    /// <summary>True forgets the peer's allowed IPs before <see cref="AllowedIPs"/> are added.</summary>
    public bool ReplaceAllowedIPs { get; init; }

    public IReadOnlyList<IPNetwork> AllowedIPs { get; init; } = [];

    /// <summary>The change that makes a peer what its configuration says, whatever it was.</summary>
    public static PeerChange From(PeerConfiguration peer) => new()
    {
        PublicKey = peer.PublicKey,
        PresharedKey = peer.PresharedKey ?? new byte[32],
        Endpoint = peer.Endpoint,
        PersistentKeepaliveSeconds = checked((ushort)peer.PersistentKeepalive.TotalSeconds),
        ReplaceAllowedIPs = true,
        AllowedIPs = peer.AllowedIPs,
    };
}
