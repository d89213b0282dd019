using System.Net;
using Microsoft.Extensions.Logging;
using NetBird.WireGuard.Configuration;
using NetBird.WireGuard.Uapi;

namespace NetBird.WireGuard.Standalone;

/// <summary>
/// A WireGuard interface in the machine's own namespace and nothing more, as wireguard-go or <c>ip link add</c> make
/// one: configured by a wg(8) file and by wg(8) itself while it runs, addressed and routed by ip(8).
/// Disposing it removes the interface.
/// </summary>
public sealed class PlainInterface : IAsyncDisposable
{
    private readonly ITunnel _tunnel;
    private readonly UapiServer? _uapi;

    private PlainInterface(ITunnel tunnel, UapiServer? uapi) => (_tunnel, _uapi) = (tunnel, uapi);

    /// <summary>What carries it.</summary>
    public TunnelKind Kind => _tunnel.Kind;

    /// <summary>The UDP port in use.</summary>
    public int ListenPort => _tunnel.ListenPort;

    /// <summary>Brings an interface up without a key, peers, addresses or routes.</summary>
    /// <param name="name">Interface name, as in <see cref="TunnelOptions.InterfaceName"/>.</param>
    /// <param name="kind">Kernel or userspace. wg(8) finds the first over netlink, the second by its UAPI socket.</param>
    /// <param name="time">Clock for timers and timestamps.</param>
    /// <param name="logging">Where it logs.</param>
    /// <param name="cancellationToken">Ends the opening.</param>
    /// <exception cref="TunnelException">It cannot be opened; the message says why and what to do.</exception>
    public static async Task<PlainInterface> OpenAsync(
        string name, TunnelKind kind, TimeProvider time, ILoggerFactory logging, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(logging);
        if (!OperatingSystem.IsLinux())
        {
            throw new TunnelException("A plain WireGuard interface needs Linux; on other systems use the tunnel of 'up'.");
        }

        using var none = PrivateKey.Generate();
        var tunnel = await Tunnel.OpenAsync(
            new TunnelOptions
            {
                InterfaceName = name,
                PrivateKey = none,
                Addresses = [],
                Routes = [],
                Kind = kind,
                OwnNamespace = false,
                Time = time,
                Logging = logging,
            },
            cancellationToken).ConfigureAwait(false);
        try
        {
            var control = (IInterfaceControl)tunnel;
            control.Apply(new InterfaceChange { RemovePrivateKey = true });
            var uapi = tunnel.Kind == TunnelKind.Kernel
                ? null
                : UapiServer.Start(name, control, logging.CreateLogger<UapiServer>());
            return new PlainInterface(tunnel, uapi);
        }
        catch (Exception e)
        {
            await tunnel.DisposeAsync().ConfigureAwait(false);
            throw e is IOException or UnauthorizedAccessException or System.Net.Sockets.SocketException
                ? new TunnelException($"The interface {name} cannot be served to wg(8): {e.Message}", e)
                : e;
        }
    }

    /// <summary>Makes the interface as a wg(8) configuration file says, replacing its peers.</summary>
    /// <param name="file">The text of the file; the caller zeroes it, since it holds keys.</param>
    /// <param name="cancellationToken">Ends look-ups of names.</param>
    /// <exception cref="WgFileException">A mistake in the file, with its place.</exception>
    /// <exception cref="TunnelException">The interface refused.</exception>
    public async Task ConfigureAsync(ReadOnlyMemory<byte> file, CancellationToken cancellationToken)
    {
        using var parsed = WgFileParser.Parse(file.Span);
        var change = await parsed.ResolveAsync(Dns.GetHostAddressesAsync, cancellationToken).ConfigureAwait(false);
        try
        {
            ((IInterfaceControl)_tunnel).Apply(change);
        }
        catch (IOException e)
        {
            throw new TunnelException(e.Message, e);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_uapi is not null && OperatingSystem.IsLinux())
        {
            await _uapi.DisposeAsync().ConfigureAwait(false);
        }

        await _tunnel.DisposeAsync().ConfigureAwait(false);
    }
}
