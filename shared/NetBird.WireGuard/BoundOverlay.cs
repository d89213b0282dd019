using System.Net;
using System.Net.Sockets;
using NetBird.WireGuard.Linux;

namespace NetBird.WireGuard;

/// <summary>
/// TCP by the sockets of a system without network namespaces. Each is bound to the tunnel's address first: Windows sends a
/// bound socket's packets only by the interface that has the address (the strong host model). Others are told the interface.
/// </summary>
/// <param name="addresses">Of this end.</param>
/// <param name="prepare">Ties a new socket to the interface, where its address alone does not; null where it does.</param>
internal sealed class BoundOverlay(IReadOnlyList<IPAddress> addresses, Action<Socket>? prepare = null) : IOverlay
{
    private const int Backlog = 512;

    public async ValueTask<Stream> ConnectAsync(IPEndPoint remote, CancellationToken cancellationToken)
    {
        var own = addresses.FirstOrDefault(address => address.AddressFamily == remote.AddressFamily)
            ?? throw new IOException($"This end has no overlay address to reach {remote.Address} from.");
        var socket = new Socket(remote.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            prepare?.Invoke(socket);
            socket.Bind(new IPEndPoint(own, 0));
            await socket.ConnectAsync(remote, cancellationToken).ConfigureAwait(false);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw new IOException($"No connection to {remote} through the tunnel: {e.Message}", e);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public ValueTask<IOverlayListener> ListenAsync(IPEndPoint local, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (!addresses.Contains(local.Address))
        {
            throw new IOException($"{local.Address} is not an overlay address of this end.");
        }

        var socket = new Socket(local.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            // Another program must not take over the port of the guarded listener.
            socket.ExclusiveAddressUse = true;
            prepare?.Invoke(socket);
            socket.Bind(local);
            socket.Listen(Backlog);
            return ValueTask.FromResult<IOverlayListener>(new KernelOverlayListener(socket));
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw new IOException($"Could not listen on {local}: {e.Message}", e);
        }
    }
}
