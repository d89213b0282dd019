using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using NetBird.Agent.Enrolment;
using NetBird.Agent.Store;
using NetBird.WireGuard;
using PublicKey = NetBird.Primitives.PublicKey;

namespace NetBird.Agent.Tunnel;

/// <summary>
/// Holds the tunnel to what the network map says, and connects through it: to the gateway that answers, to the next
/// when it falls silent. All gateways are peers at the same time, so changing over costs no handshake.
/// </summary>
internal sealed partial class TunnelSupervisor(
    PrivateKey key, TimeProvider time, ILoggerFactory logging, ILogger<TunnelSupervisor> logger) : IAsyncDisposable
{
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly Dictionary<PublicKey, LinkHealth> _health = [];
    private readonly Dictionary<PublicKey, IPEndPoint> _dialled = [];
    private volatile OpenTunnel? _open;
    private volatile string? _problem;
    private PublicKey? _active;

    /// <summary>kernel, userspace or rootless; what was asked for before the tunnel is open.</summary>
    public string Kind(AgentSettings settings) => _open is { } open ? NameOf(open.Tunnel.Kind) : settings.Tunnel;

    /// <summary>Opens the tunnel or changes it to fit the map.</summary>
    public async Task ApplyAsync(OverlayMap map, AgentSettings settings, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_open is { } running && !running.Fits(map, settings))
            {
                await CloseLockedAsync().ConfigureAwait(false);
            }

            if (_open is null)
            {
                var tunnel = await WireGuard.Tunnel.OpenAsync(Options(map, settings), cancellationToken).ConfigureAwait(false);
                _open = new OpenTunnel(tunnel, map, settings);
                Log.Opened(logger, NameOf(tunnel.Kind), tunnel.InterfaceName, tunnel.KindReason);
            }
            else
            {
                _open.Map = map;
            }

            await SetPeersLockedAsync(_open, cancellationToken).ConfigureAwait(false);
            _problem = null;
        }
        catch (TunnelException e)
        {
            _problem = e.Message;
            Log.NotOpened(logger, e.Message);
        }
        finally
        {
            _turn.Release();
        }
    }

    public async Task CloseAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await CloseLockedAsync().ConfigureAwait(false);
            _problem = null;
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>The machine's network changed or it woke: every gateway is greeted at once, and again where its name leads elsewhere now.</summary>
    public async Task NetworkChangedAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_open is { } open)
            {
                // Before the names: a new network often has no DNS yet, and waiting for it takes seconds.
                open.Tunnel.NetworkChanged();
                var before = _dialled.Values.ToHashSet();
                await SetPeersLockedAsync(open, cancellationToken).ConfigureAwait(false);
                if (!before.SetEquals(_dialled.Values))
                {
                    open.Tunnel.NetworkChanged();
                }
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Ends every connection there is, for a gateway that fell silent with none to take over.</summary>
    public void CutConnections() => _open?.CutConnectionsBut(null);

    public TunnelReport Report()
    {
        if (_open is not { } open)
        {
            return TunnelReport.Closed with { Problem = _problem };
        }

        return new TunnelReport(
            true, _problem, NameOf(open.Tunnel.Kind), open.Tunnel.KindReason, open.Tunnel.InterfaceName, Ordered(open));
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync(CancellationToken.None).ConfigureAwait(false);
        _turn.Dispose();
    }

    private TunnelOptions Options(OverlayMap map, AgentSettings settings) => new()
    {
        InterfaceName = "nb" + Convert.ToHexStringLower(SHA256.HashData(key.PublicKey.ToArray()).AsSpan(0, 4)),
        PrivateKey = key,
        Addresses = map.Addresses,
        Routes = map.Routes,
        Mtu = map.Mtu,
        Kind = Enum.TryParse<TunnelKind>(settings.Tunnel, ignoreCase: true, out var kind) ? kind : TunnelKind.Auto,
        OwnNamespace = settings.TunnelNamespace != "host",
        Time = time,
        Logging = logging,
    };

    private async Task SetPeersLockedAsync(OpenTunnel open, CancellationToken cancellationToken)
    {
        foreach (var gateway in open.Map.Gateways)
        {
            var endpoint = await ResolveAsync(gateway, cancellationToken).ConfigureAwait(false);
            open.Tunnel.SetPeer(new PeerConfiguration
            {
                PublicKey = gateway.Key,
                Endpoint = endpoint,
                AllowedIPs = gateway.AllowedIPs,
                PersistentKeepalive = gateway.Keepalive,
            });
        }

        foreach (var gone in open.Tunnel.GetPeers().Where(peer => open.Map.Gateways.All(gateway => gateway.Key != peer.PublicKey)).ToList())
        {
            open.Tunnel.RemovePeer(gone.PublicKey);
        }
    }

    /// <summary>The gateway's address now; the last known one when DNS fails, null (wait to be called) without any.</summary>
    private async Task<IPEndPoint?> ResolveAsync(GatewayLink gateway, CancellationToken cancellationToken)
    {
        try
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(3), time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
            var addresses = await Dns.GetHostAddressesAsync(gateway.Host, either.Token).ConfigureAwait(false);
            if (addresses.OrderBy(address => address.AddressFamily == AddressFamily.InterNetwork ? 0 : 1).FirstOrDefault() is { } address)
            {
                _dialled[gateway.Key] = new IPEndPoint(address, gateway.Port);
            }
        }
        catch (Exception e) when (e is SocketException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            Log.NotResolved(logger, gateway.Host);
        }

        return _dialled.GetValueOrDefault(gateway.Key);
    }

    private List<GatewayReport> Ordered(OpenTunnel open)
    {
        var now = time.GetUtcNow();
        var peers = open.Tunnel.GetPeers().ToDictionary(peer => peer.PublicKey);
        var active = _active;
        return [.. open.Map.Gateways
            .Select(link =>
            {
                var peer = peers.GetValueOrDefault(link.Key);
                var health = HealthOf(link.Key);
                return new GatewayReport(link, peer, health.Answers(peer?.LastHandshake, now), health.Hangs, link.Key == active);
            })
            .OrderBy(gateway => gateway.Answers ? 0 : 1)
            .ThenBy(gateway => gateway.IsActive ? 0 : 1)];
    }

    private void Activate(OpenTunnel open, GatewayLink link)
    {
        lock (_health)
        {
            if (_active == link.Key)
            {
                return;
            }

            var changed = _active is not null;
            _active = link.Key;
            if (changed)
            {
                Log.ChangedOver(logger, link.Overlay, link.Host);
                open.CutConnectionsBut(link.Key);
            }
        }
    }

    private LinkHealth HealthOf(PublicKey gateway)
    {
        lock (_health)
        {
            return _health.TryGetValue(gateway, out var health) ? health : _health[gateway] = new LinkHealth();
        }
    }

    private async Task CloseLockedAsync()
    {
        if (_open is not { } open)
        {
            return;
        }

        _open = null;
        _active = null;
        lock (_health)
        {
            _health.Clear();
        }

        await open.DisposeAsync().ConfigureAwait(false);
        Log.Closed(logger);
    }

    private static string NameOf(TunnelKind kind) => kind.ToString().ToLowerInvariant();

    private static partial class Log
    {
        [LoggerMessage(EventIds.Tunnel + 1, LogLevel.Information, "The tunnel is open: {Kind}, interface {Interface}. {Reason}")]
        public static partial void Opened(ILogger logger, string kind, string @interface, string reason);

        [LoggerMessage(EventIds.Tunnel + 2, LogLevel.Error, "The tunnel is not opened: {Reason}")]
        public static partial void NotOpened(ILogger logger, string reason);

        [LoggerMessage(EventIds.Tunnel + 3, LogLevel.Warning, "Gateway {Overlay} at {Host}:{Port} does not answer")]
        public static partial void GatewaySilent(ILogger logger, IPEndPoint overlay, string host, int port);

        [LoggerMessage(EventIds.Tunnel + 7, LogLevel.Warning, "Gateway {Overlay} at {Host}:{Port} takes connections and answers nothing")]
        public static partial void GatewayHangs(ILogger logger, IPEndPoint overlay, string host, int port);

        [LoggerMessage(EventIds.Tunnel + 4, LogLevel.Information, "Traffic goes to gateway {Overlay} at {Host} now")]
        public static partial void ChangedOver(ILogger logger, IPEndPoint overlay, string host);

        [LoggerMessage(EventIds.Tunnel + 5, LogLevel.Warning, "The name {Host} is not resolved; the last known address stays in use")]
        public static partial void NotResolved(ILogger logger, string host);

        [LoggerMessage(EventIds.Tunnel + 6, LogLevel.Information, "The tunnel is closed")]
        public static partial void Closed(ILogger logger);
    }
}
