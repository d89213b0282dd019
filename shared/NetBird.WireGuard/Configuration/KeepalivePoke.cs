namespace NetBird.WireGuard.Configuration;

/// <summary>
/// Makes a driver send to its peers at once: a persistent keepalive that goes from off to on sends one (Linux,
/// drivers/net/wireguard/netlink.c, set_peer; WireGuardNT alike). The other end then moves to the address it came from.
/// </summary>
internal static class KeepalivePoke
{
    /// <summary>The changes to make, in order; the last leaves every peer as it was.</summary>
    public static IEnumerable<InterfaceChange> For(IEnumerable<PeerStatus> peers)
    {
        var heard = peers.Where(peer => peer.LastHandshake is not null).ToArray();
        yield return Set(heard, _ => 0);
        yield return Set(heard, _ => 1);
        yield return Set(heard, peer => (ushort)peer.PersistentKeepalive.TotalSeconds);
    }

    private static InterfaceChange Set(PeerStatus[] peers, Func<PeerStatus, ushort> seconds) => new()
    {
        Peers =
        [
            .. peers.Select(peer => new PeerChange
            {
                PublicKey = peer.PublicKey,
                UpdateOnly = true,
                PersistentKeepaliveSeconds = seconds(peer),
            }),
        ],
    };
}
