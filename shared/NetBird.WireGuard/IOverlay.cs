using System.Net;

namespace NetBird.WireGuard;

/// <summary>
/// TCP inside the tunnel. Sockets of the kernel, made in the interface's namespace, or connections of the
/// in-process stack; callers see streams either way.
/// </summary>
public interface IOverlay
{
    /// <summary>Opens a connection to an overlay address.</summary>
    /// <exception cref="IOException">Refused, unreachable, or timed out.</exception>
    ValueTask<Stream> ConnectAsync(IPEndPoint remote, CancellationToken cancellationToken);

    /// <summary>Listens on an overlay address of this end; nothing outside the tunnel can reach it.</summary>
    /// <exception cref="IOException">The address is not ours or the port is taken.</exception>
    ValueTask<IOverlayListener> ListenAsync(IPEndPoint local, CancellationToken cancellationToken);
}
