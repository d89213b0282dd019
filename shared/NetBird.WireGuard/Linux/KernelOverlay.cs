using System.ComponentModel;
using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Text;

namespace NetBird.WireGuard.Linux;

/// <summary>
/// TCP by the kernel's sockets: made in the interface's namespace or, where it lives in the machine's own, bound to the interface.
/// </summary>
/// <param name="networkNamespace">Where the interface is; null for the machine's own namespace. Not owned.</param>
/// <param name="interfaceName">The tunnel's interface.</param>
/// <param name="bound">
/// Whether sockets are bound to the interface, so that nothing reaches them by another one: wherever the namespace is not ours alone.
/// </param>
[SupportedOSPlatform("linux")]
internal sealed class KernelOverlay(NetworkNamespace? networkNamespace, string interfaceName, bool bound) : IOverlay
{
    // bits/socket.h and asm-generic/socket.h
    private const int Inet = 2;
    private const int Inet6 = 10;
    private const int StreamCloseOnExec = 1 | 0x80000;
    private const int SocketLevel = 1;
    private const int ReuseAddress = 2;
    private const int BindToDevice = 25;

    private const int Backlog = 512;

    public async ValueTask<Stream> ConnectAsync(IPEndPoint remote, CancellationToken cancellationToken)
    {
        var socket = CreateSocket(remote.AddressFamily);
        try
        {
            socket.NoDelay = true;
            await socket.ConnectAsync(remote, cancellationToken).ConfigureAwait(false);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw new IOException($"No connection to {remote} through {interfaceName}: {e.Message}.", e);
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
        return ValueTask.FromResult<IOverlayListener>(Listen(local));
    }

    /// <inheritdoc cref="IOverlay.ListenAsync"/>
    public KernelOverlayListener Listen(IPEndPoint local)
    {
        var socket = CreateSocket(local.AddressFamily);
        try
        {
            // Connections of a former life in TIME_WAIT must not keep the port.
            socket.SetRawSocketOption(SocketLevel, ReuseAddress, BitConverter.GetBytes(1));
            socket.Bind(local);
            socket.Listen(Backlog);
            return new KernelOverlayListener(socket);
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw new IOException(
                e.SocketErrorCode switch
                {
                    SocketError.AddressAlreadyInUse => $"Port {local.Port} of {local.Address} is taken.",
                    SocketError.AddressNotAvailable => $"{local.Address} is not an address of {interfaceName}.",
                    _ => $"Could not listen on {local}: {e.Message}.",
                },
                e);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private Socket CreateSocket(AddressFamily family)
    {
        try
        {
            var fd = networkNamespace is { } inside ? inside.Run(() => OpenDescriptor(family)) : OpenDescriptor(family);

            // Wrapped out here: this may start .NET's socket threads, which must not be inside.
            var socket = new Socket(new SafeSocketHandle(fd, ownsHandle: true));
            if (bound)
            {
                socket.SetRawSocketOption(SocketLevel, BindToDevice, Encoding.ASCII.GetBytes(interfaceName));
            }

            return socket;
        }
        catch (Exception e) when (e is Win32Exception or SocketException or ObjectDisposedException)
        {
            throw new IOException($"No socket on {interfaceName}: {e.Message}", e);
        }
    }

    private static nint OpenDescriptor(AddressFamily family)
    {
        var fd = Libc.Socket(family == AddressFamily.InterNetworkV6 ? Inet6 : Inet, StreamCloseOnExec, 0);
        return fd < 0 ? throw Libc.LastError("make a socket in the tunnel") : fd;
    }
}
