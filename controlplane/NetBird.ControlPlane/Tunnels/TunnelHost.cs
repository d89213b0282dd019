using NetBird.ControlPlane.Hosting;
using NetBird.Primitives;
using NetBird.WireGuard;

namespace NetBird.ControlPlane.Tunnels;

/// <summary>
/// This end of the tunnel. Opened before anything is served, so that a tunnel that cannot be had is told at the start;
/// closed last, after the requests in it ended.
/// </summary>
internal sealed partial class TunnelHost : IAsyncDisposable, IReadiness
{
    private readonly ITunnel? _tunnel;

    private TunnelHost(ITunnel? tunnel, System.Net.IPAddress address) => (_tunnel, Address) = (tunnel, address);

    /// <summary>A node that terminates no tunnel.</summary>
    public static TunnelHost None { get; } = new(null, System.Net.IPAddress.None);

    /// <summary>This gateway's own address in the overlay.</summary>
    public System.Net.IPAddress Address { get; }

    public string Name => "tunnel";

    public string? Problem => _tunnel?.Problem;

    /// <summary>The UDP port in use; 0 where there is no tunnel.</summary>
    public int ListenPort => _tunnel?.ListenPort ?? 0;

    /// <exception cref="InvalidOperationException">This node terminates no tunnel.</exception>
    public IOverlay Overlay => _tunnel?.Overlay ?? throw new InvalidOperationException("This node terminates no tunnel.");

    /// <exception cref="TunnelException">It cannot be had; the message says what to do.</exception>
    public static async Task<TunnelHost> OpenAsync(
        ServeOptions options, GatewayKey key, System.Net.IPAddress address, TimeProvider time, ILoggerFactory logging, CancellationToken cancellationToken)
    {
        var tunnel = await WireGuard.Tunnel.OpenAsync(
            new TunnelOptions
            {
                // A name of this process alone: with --tunnel-namespace host two control planes may share a machine.
                InterfaceName = options.TunnelInterface ?? $"nbcp{Environment.ProcessId}",
                PrivateKey = key.Private,
                ListenPort = options.WireGuardPort,
                Addresses = [address],
                Routes = [options.Overlay],
                Kind = options.Tunnel,
                OwnNamespace = options.OwnTunnelNamespace,
                NamespacePath = options.TunnelNamespacePath,
                Time = time,
                Logging = logging,
            },
            cancellationToken);
        Log.Opened(logging.CreateLogger<TunnelHost>(), tunnel.InterfaceName, tunnel.Kind, tunnel.KindReason, tunnel.ListenPort);
        return new(tunnel, address);
    }

    /// <summary>Does nothing where there is no tunnel.</summary>
    public void SetPeer(PeerConfiguration peer) => _tunnel?.SetPeer(peer);

    /// <inheritdoc cref="SetPeer"/>
    public void RemovePeer(PublicKey peer) => _tunnel?.RemovePeer(peer);

    /// <summary>What is known of every peer: where it is, when it was heard.</summary>
    public IReadOnlyList<PeerStatus> GetPeers() => _tunnel?.GetPeers() ?? [];

    public ValueTask DisposeAsync() => _tunnel?.DisposeAsync() ?? default;

    private static partial class Log
    {
        [LoggerMessage(EventIds.Tunnels + 1, LogLevel.Information,
            "The tunnel {Interface} is up, {Kind} ({Reason}), on UDP port {Port}")]
        public static partial void Opened(ILogger logger, string @interface, TunnelKind kind, string reason, int port);
    }
}
