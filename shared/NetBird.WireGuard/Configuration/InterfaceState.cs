using System.Security.Cryptography;

namespace NetBird.WireGuard.Configuration;

/// <summary>A snapshot of an interface with its secrets. Whoever asked for it disposes it, which zeroes them.</summary>
internal sealed class InterfaceState : IDisposable
{
    public required string Name { get; init; }

    /// <summary>Null for an interface without a key.</summary>
    public PrivateKey? PrivateKey { get; init; }

    public required ushort ListenPort { get; init; }

    public uint FirewallMark { get; init; }

    public required IReadOnlyList<PeerState> Peers { get; init; }

    public void Dispose()
    {
        PrivateKey?.Dispose();
        foreach (var peer in Peers)
        {
            CryptographicOperations.ZeroMemory(peer.PresharedKey);
        }
    }
}
