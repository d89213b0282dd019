using System.Net;
using System.Runtime.InteropServices;
using static Tmds.Linux.LibC;

namespace NetBird.WireGuard.Linux.Netlink;

internal sealed partial class RouteSocket
{
    private delegate T? Parser<T>(ReadOnlySpan<byte> payload);

    /// <exception cref="InvalidDataException">The message is not one the kernel makes.</exception>
    internal static LinkInfo? ParseLink(ReadOnlySpan<byte> payload)
    {
        const int Header = 16;
        Require(payload, Header);
        var index = MemoryMarshal.Read<int>(payload[4..]);
        var flags = MemoryMarshal.Read<uint>(payload[8..]);
        string? name = null;
        string? kind = null;
        var mtu = 0;
        var group = 0u;
        var attributes = new NetlinkAttributes(payload[Header..]);
        while (attributes.Next())
        {
            switch (attributes.Type)
            {
                case Link.Name:
                    name = attributes.ReadText();
                    break;
                case Link.Mtu:
                    mtu = attributes.Read<int>();
                    break;
                case Link.Group:
                    group = attributes.Read<uint>();
                    break;
                case Link.Information:
                    kind = KindOf(attributes.Value);
                    break;
            }
        }

        return name is null ? null : new LinkInfo(index, name, kind, mtu, (flags & Link.FlagUp) != 0, group);
    }

    /// <exception cref="InvalidDataException">The message is not one the kernel makes.</exception>
    internal static AddressInfo? ParseAddress(ReadOnlySpan<byte> payload)
    {
        const int Header = 8;
        Require(payload, Header);
        var link = MemoryMarshal.Read<int>(payload[4..]);
        IPAddress? local = null;
        IPAddress? peer = null;
        var attributes = new NetlinkAttributes(payload[Header..]);
        while (attributes.Next())
        {
            switch (attributes.Type)
            {
                case Address.Local:
                    local = ReadAddress(attributes.Value);
                    break;
                case Address.Peer:
                    peer = ReadAddress(attributes.Value);
                    break;
            }
        }

        // IPv6 sends only IFA_ADDRESS unless the address is point to point.
        return (local ?? peer) is { } address ? new AddressInfo(link, address, payload[1]) : null;
    }

    /// <exception cref="InvalidDataException">The message is not one the kernel makes.</exception>
    internal static RouteInfo? ParseRoute(ReadOnlySpan<byte> payload)
    {
        const int Header = 12;
        Require(payload, Header);
        int family = payload[0];
        if (payload[7] != Unicast || (family != AF_INET && family != AF_INET6))
        {
            return null;
        }

        var destination = family == AF_INET6 ? IPAddress.IPv6Any : IPAddress.Any;
        IPAddress? gateway = null;
        var link = 0;
        uint table = payload[4];
        var attributes = new NetlinkAttributes(payload[Header..]);
        while (attributes.Next())
        {
            switch (attributes.Type)
            {
                case RouteAttribute.Destination:
                    destination = ReadAddress(attributes.Value);
                    break;
                case RouteAttribute.OutInterface:
                    link = attributes.Read<int>();
                    break;
                case RouteAttribute.Gateway:
                    gateway = ReadAddress(attributes.Value);
                    break;
                case RouteAttribute.Table:
                    table = attributes.Read<uint>();
                    break;
            }
        }

        int length = payload[1];
        return length <= destination.GetAddressBytes().Length * 8
            ? new RouteInfo(Prefix(destination, length), link, gateway, table)
            : throw new InvalidDataException($"A route to {destination} has a prefix of {length} bits.");
    }

    private static string? KindOf(ReadOnlySpan<byte> information)
    {
        var attributes = new NetlinkAttributes(information);
        while (attributes.Next())
        {
            if (attributes.Type == Link.InformationKind)
            {
                return attributes.ReadText();
            }
        }

        return null;
    }

    /// <summary>The network with the bits past the prefix cleared, which <see cref="IPNetwork"/> insists on.</summary>
    internal static IPNetwork Prefix(IPAddress address, int length)
    {
        Span<byte> bytes = stackalloc byte[16];
        _ = address.TryWriteBytes(bytes, out var size);
        for (var bit = length; bit < size * 8; bit++)
        {
            bytes[bit / 8] &= (byte)~(0x80 >> (bit % 8));
        }

        return new IPNetwork(new IPAddress(bytes[..size]), length);
    }

    private static IPAddress ReadAddress(ReadOnlySpan<byte> value)
        => value.Length is 4 or 16
            ? new IPAddress(value)
            : throw new InvalidDataException($"An address of {value.Length} bytes.");

    private static void Require(ReadOnlySpan<byte> payload, int header)
    {
        if (payload.Length < header)
        {
            throw new InvalidDataException($"A netlink message of {payload.Length} bytes lacks its {header}-byte header.");
        }
    }
}
