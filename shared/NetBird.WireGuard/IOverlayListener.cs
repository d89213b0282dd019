using System.Net;
using System.Net.Sockets;

namespace NetBird.WireGuard;

/// <summary>Accepts overlay connections until disposed.</summary>
public interface IOverlayListener : IAsyncDisposable
{
    /// <summary>Where it listens, with the real port.</summary>
    IPEndPoint LocalEndPoint { get; }

    /// <summary>
    /// The kernel's listening socket, for servers with a socket transport of their own (Kestrel); null where
    /// connections come from the in-process stack. Owned by this listener.
    /// </summary>
    Socket? Socket { get; }

    /// <summary>The next connection, or null once the listener is disposed.</summary>
    ValueTask<OverlayConnection?> AcceptAsync(CancellationToken cancellationToken);
}

/// <summary>One accepted connection.</summary>
/// <param name="Stream">Both directions; disposing it closes the connection.</param>
/// <param name="Remote">The caller's overlay address, proved by the tunnel's cryptokey routing.</param>
/// <param name="Local">Our end.</param>
public sealed record OverlayConnection(Stream Stream, IPEndPoint Remote, IPEndPoint Local);
