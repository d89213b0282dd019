using System.Net;
using System.Net.Sockets;

namespace NetBird.WireGuard.Linux;

/// <summary>Accepts on a kernel socket.</summary>
internal sealed class KernelOverlayListener(Socket socket) : IOverlayListener
{
    public IPEndPoint LocalEndPoint { get; } = (IPEndPoint)socket.LocalEndPoint!;

    public Socket? Socket => socket;

    public async ValueTask<OverlayConnection?> AcceptAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                var accepted = await socket.AcceptAsync(cancellationToken).ConfigureAwait(false);
                if (Describe(accepted) is { } connection)
                {
                    return connection;
                }
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionAborted or SocketError.ConnectionReset)
            {
                // The caller hung up between its handshake and our accept; the next one may be waiting.
            }
            catch (Exception e) when (e is ObjectDisposedException
                or SocketException { SocketErrorCode: SocketError.OperationAborted or SocketError.Interrupted or SocketError.InvalidArgument })
            {
                return null;
            }
        }
    }

    public void Close() => socket.Dispose();

    public ValueTask DisposeAsync()
    {
        Close();
        return ValueTask.CompletedTask;
    }

    private static OverlayConnection? Describe(Socket accepted)
    {
        try
        {
            accepted.NoDelay = true;
            return new OverlayConnection(
                new NetworkStream(accepted, ownsSocket: true), (IPEndPoint)accepted.RemoteEndPoint!, (IPEndPoint)accepted.LocalEndPoint!);
        }
        catch (SocketException)
        {
            accepted.Dispose();
            return null;
        }
    }
}
