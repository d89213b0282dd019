using System.Net;

namespace NetBird.WireGuard.Linux.Netlink;

/// <summary>A unicast route.</summary>
/// <param name="Destination">What it takes.</param>
/// <param name="Link">The interface it leaves by, or zero where it names none (several next hops).</param>
/// <param name="Gateway">The next hop, or null for a route straight into the interface.</param>
/// <param name="Table">Routing table; 254 is "main".</param>
internal sealed record RouteInfo(IPNetwork Destination, int Link, IPAddress? Gateway, uint Table);
