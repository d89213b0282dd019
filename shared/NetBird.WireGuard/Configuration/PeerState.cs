namespace NetBird.WireGuard.Configuration;

/// <summary>A peer with its secret.</summary>
/// <param name="Status">What anyone may know of it.</param>
/// <param name="PresharedKey">32 bytes, or null for none; zeroed by the owner of the snapshot.</param>
internal sealed record PeerState(PeerStatus Status, byte[]? PresharedKey);
