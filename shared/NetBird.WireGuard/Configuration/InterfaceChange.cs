namespace NetBird.WireGuard.Configuration;

/// <summary>
/// What to change on a WireGuard interface, as netlink, the UAPI socket, wg(8) files and WireGuardNT all say
/// it. What is null stays as it is.
/// </summary>
internal sealed record InterfaceChange
{
    /// <summary>The new key; <see cref="RemovePrivateKey"/> takes it away instead. Owned by the caller.</summary>
    public PrivateKey? PrivateKey { get; init; }

    /// <summary>True leaves the interface without a key: nothing is sent or received.</summary>
    public bool RemovePrivateKey { get; init; }

    /// <summary>UDP port; zero takes a free one.</summary>
    public ushort? ListenPort { get; init; }

    /// <summary>SO_MARK of every packet sent; zero sets none.</summary>
    public uint? FirewallMark { get; init; }

    /// <summary>True forgets every peer before <see cref="Peers"/> is looked at.</summary>
    public bool ReplacePeers { get; init; }

    /// <summary>Changes to peers, in order.</summary>
    public IReadOnlyList<PeerChange> Peers { get; init; } = [];
}
