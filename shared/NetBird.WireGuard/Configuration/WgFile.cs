using System.Net;
using System.Security.Cryptography;

namespace NetBird.WireGuard.Configuration;

/// <summary>
/// A parsed wg(8) configuration file. Disposing it zeroes its secrets; a change made from it lives no longer.
/// </summary>
internal sealed class WgFile : IDisposable
{
    /// <summary>Null when the file leaves the key alone.</summary>
    public PrivateKey? PrivateKey { get; init; }

    public ushort? ListenPort { get; init; }

    public uint? FirewallMark { get; init; }

    public required IReadOnlyList<WgFilePeer> Peers { get; init; }

    /// <summary>Looks up the names of endpoints, and makes the change that an interface needs to be as the file says.</summary>
    /// <param name="resolve">Finds the addresses of a name; the first is used, as wg(8) does.</param>
    /// <param name="cancellationToken">Ends the look-ups.</param>
    /// <exception cref="WgFileException">A name has no address.</exception>
    public async Task<InterfaceChange> ResolveAsync(
        Func<string, CancellationToken, Task<IPAddress[]>> resolve, CancellationToken cancellationToken)
    {
        var peers = new List<PeerChange>(Peers.Count);
        foreach (var peer in Peers)
        {
            peers.Add(peer.Name is { } name
                ? peer.Change with { Endpoint = await ResolveAsync(name, resolve, cancellationToken) }
                : peer.Change);
        }

        return new InterfaceChange
        {
            PrivateKey = PrivateKey,
            ListenPort = ListenPort,
            FirewallMark = FirewallMark,
            ReplacePeers = true,
            Peers = peers,
        };
    }

    public void Dispose()
    {
        PrivateKey?.Dispose();
        foreach (var peer in Peers)
        {
            CryptographicOperations.ZeroMemory(peer.Change.PresharedKey);
        }
    }

    private static async Task<IPEndPoint> ResolveAsync(
        EndpointName name, Func<string, CancellationToken, Task<IPAddress[]>> resolve, CancellationToken cancellationToken)
    {
        try
        {
            if (await resolve(name.Host, cancellationToken) is [var first, ..])
            {
                return new IPEndPoint(first, name.Port);
            }
        }
        catch (System.Net.Sockets.SocketException e)
        {
            throw new WgFileException(name.Line, name.Column, $"'{name.Host}' has no address: {e.Message}");
        }

        throw new WgFileException(name.Line, name.Column, $"'{name.Host}' has no address");
    }
}
