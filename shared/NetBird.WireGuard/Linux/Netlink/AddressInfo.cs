using System.Net;

namespace NetBird.WireGuard.Linux.Netlink;

/// <summary>An address of an interface.</summary>
/// <param name="Link">The interface's index.</param>
/// <param name="Address">Ours, not the other end's.</param>
/// <param name="PrefixLength">Bits of the network that is on the link.</param>
internal sealed record AddressInfo(int Link, IPAddress Address, int PrefixLength);
