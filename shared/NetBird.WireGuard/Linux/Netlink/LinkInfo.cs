namespace NetBird.WireGuard.Linux.Netlink;

/// <summary>A network interface.</summary>
/// <param name="Index">Its number in the namespace.</param>
/// <param name="Name">Its name there.</param>
/// <param name="Kind">IFLA_INFO_KIND ("wireguard", "tun"), or null for hardware and loopback.</param>
/// <param name="Mtu">Bytes.</param>
/// <param name="IsUp">IFF_UP.</param>
/// <param name="Group">IFLA_GROUP; zero unless somebody set it.</param>
internal sealed record LinkInfo(int Index, string Name, string? Kind, int Mtu, bool IsUp, uint Group);
