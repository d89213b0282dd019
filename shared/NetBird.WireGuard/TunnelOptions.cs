using System.Net;
using Microsoft.Extensions.Logging;

namespace NetBird.WireGuard;

/// <summary>What <see cref="Tunnel.OpenAsync"/> needs to bring an interface up.</summary>
public sealed record TunnelOptions
{
    /// <summary>Interface name, 1 to 15 characters of <c>A-Z a-z 0-9 _ = + . -</c> (IFNAMSIZ - 1).</summary>
    public required string InterfaceName { get; init; }

    /// <summary>The interface's own key. The tunnel keeps a copy of its own and zeroes it when it closes.</summary>
    public required PrivateKey PrivateKey { get; init; }

    /// <summary>UDP port to listen on; 0 takes a free one.</summary>
    public int ListenPort { get; init; }

    /// <summary>Overlay addresses of this end, IPv4 or IPv6.</summary>
    public required IReadOnlyList<IPAddress> Addresses { get; init; }

    /// <summary>Prefixes that are routed into the interface, usually the overlay's CIDR.</summary>
    public required IReadOnlyList<IPNetwork> Routes { get; init; }

    /// <summary>Largest inner packet in bytes; 1280 to 65535. 1420 fits IPv6 over Ethernet.</summary>
    public int Mtu { get; init; } = 1420;

    /// <summary>Which adapter to use; <see cref="TunnelKind.Auto"/> picks the best that works.</summary>
    public TunnelKind Kind { get; init; }

    /// <summary>
    /// True keeps the interface and every overlay socket in a network namespace of their own (Linux), so that
    /// only this process can use the tunnel and nothing is left behind when it dies. Rootless needs none.
    /// </summary>
    public bool OwnNamespace { get; init; } = true;

    /// <summary>
    /// For <see cref="TunnelKind.External"/>: a file that names the network namespace the interface is in, such as
    /// /run/netns/NAME; null for the one of this process.
    /// </summary>
    public string? NamespacePath { get; init; }

    /// <summary>Clock for timers and timestamps.</summary>
    public required TimeProvider Time { get; init; }

    /// <summary>Where the tunnel logs.</summary>
    public required ILoggerFactory Logging { get; init; }
}
