using NetBird.Primitives;

namespace NetBird.WireGuard;

/// <summary>
/// A WireGuard interface that is up: kernel, WireGuardNT, ours over TUN, ours without root, or another program's. Members may be
/// called from any thread. Disposing it removes the interface (another program's is emptied) with its addresses and routes and zeroes its keys.
/// </summary>
public interface ITunnel : IAsyncDisposable
{
    /// <summary>The adapter in use; never <see cref="TunnelKind.Auto"/>.</summary>
    TunnelKind Kind { get; }

    /// <summary>One sentence for people: why this adapter and not a better one.</summary>
    string KindReason { get; }

    /// <summary>Interface name.</summary>
    string InterfaceName { get; }

    /// <summary>The interface's own public key.</summary>
    PublicKey PublicKey { get; }

    /// <summary>The UDP port in use.</summary>
    int ListenPort { get; }

    /// <summary>What keeps it from carrying packets now, in words for an operator; null when nothing is known to.</summary>
    string? Problem => null;

    /// <summary>TCP over the overlay.</summary>
    IOverlay Overlay { get; }

    /// <summary>Adds a peer or changes one; sessions of a peer that stays are kept. Packets may fly meanwhile.</summary>
    void SetPeer(PeerConfiguration peer);

    /// <summary>Forgets a peer, its sessions and keys; false when there was none.</summary>
    bool RemovePeer(PublicKey peer);

    /// <summary>A snapshot of every peer.</summary>
    IReadOnlyList<PeerStatus> GetPeers();

    /// <summary>
    /// The peer that owns an inner address by cryptokey routing (longest prefix), or null. Who sent a packet
    /// that carries this source address is exactly this peer, since others' packets with it are dropped.
    /// </summary>
    PublicKey? FindPeer(System.Net.IPAddress innerAddress);

    /// <summary>
    /// Tells the tunnel that this machine's network changed or woke: sockets are made again where needed and
    /// every peer that was talked with, or is kept in touch with, gets a handshake at once, without waiting for timers.
    /// </summary>
    void NetworkChanged();
}
