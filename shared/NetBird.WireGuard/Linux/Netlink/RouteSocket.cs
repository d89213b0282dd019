using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using static Tmds.Linux.LibC;

namespace NetBird.WireGuard.Linux.Netlink;

/// <summary>
/// Interfaces, addresses and routes over rtnetlink (rtnetlink(7)), in the network namespace of the thread that
/// called <see cref="Open"/>; usable from any thread. Every refusal is a <see cref="NetlinkException"/>.
/// </summary>
internal sealed partial class RouteSocket : IDisposable
{
    // linux/rtnetlink.h
    private const ushort NewLink = 16;
    private const ushort DelLink = 17;
    private const ushort GetLink = 18;
    private const ushort NewAddress = 20;
    private const ushort DelAddress = 21;
    private const ushort GetAddress = 22;
    private const ushort NewRoute = 24;
    private const ushort DelRoute = 25;
    private const ushort GetRoute = 26;
    private const byte MainTable = 254;
    private const byte StaticProtocol = 4;
    private const byte ScopeLink = 253;
    private const byte ScopeUniverse = 0;
    private const byte Unicast = 1;

    private const NetlinkFlags Change = NetlinkFlags.Request | NetlinkFlags.Ack;

    private readonly NetlinkSocket _socket;

    private RouteSocket(NetlinkSocket socket) => _socket = socket;

    /// <summary>Opens the socket in the calling thread's network namespace.</summary>
    public static RouteSocket Open() => new(NetlinkSocket.Open(NetlinkSocket.Route));

    /// <summary>The interface of that name, or null.</summary>
    public LinkInfo? FindLink(string name)
    {
        using var message = new NetlinkMessage(GetLink, Change).Fixed(LinkHeader(0)).Put(Link.Name, name);
        LinkInfo? found = null;
        try
        {
            _socket.Request(message, $"look up link {name}", (type, payload) => found = type == NewLink ? ParseLink(payload) : found);
            return found;
        }
        catch (NetlinkException e) when (e.Errno == ENODEV)
        {
            return null;
        }
    }

    /// <summary>Creates an interface, down and without addresses.</summary>
    /// <param name="name">At most 15 bytes.</param>
    /// <param name="kind">The driver: "wireguard", "bridge".</param>
    /// <param name="group">Marks the interface from its first moment (IFLA_GROUP); zero is no mark.</param>
    /// <param name="targetNamespace">
    /// An open /proc/.../ns/net to create it in, or null for this socket's own namespace. A WireGuard interface
    /// made so keeps its UDP socket here.
    /// </param>
    public void CreateLink(string name, string kind, uint group = 0, SafeHandle? targetNamespace = null)
    {
        using var message = new NetlinkMessage(NewLink, Change | NetlinkFlags.Create | NetlinkFlags.Exclusive)
            .Fixed(LinkHeader(0))
            .Put(Link.Name, name);
        if (group != 0)
        {
            message.Put(Link.Group, group);
        }

        if (targetNamespace is not null)
        {
            message.Put(Link.NamespaceFd, (uint)targetNamespace.DangerousGetHandle());
        }

        var information = message.Begin(Link.Information);
        message.Put(Link.InformationKind, kind).End(information);
        _socket.Request(message, $"create {kind} link {name}");
        GC.KeepAlive(targetNamespace);
    }

    /// <summary>Deletes an interface with its addresses and routes.</summary>
    public void DeleteLink(int index)
    {
        using var message = new NetlinkMessage(DelLink, Change).Fixed(LinkHeader(index));
        _socket.Request(message, $"delete link {index}");
    }

    /// <summary>Sets the largest packet in bytes.</summary>
    public void SetMtu(int index, int mtu)
    {
        using var message = new NetlinkMessage(NewLink, Change).Fixed(LinkHeader(index)).Put(Link.Mtu, (uint)mtu);
        _socket.Request(message, $"set the MTU of link {index} to {mtu}");
    }

    public void SetUp(int index)
    {
        using var message = new NetlinkMessage(NewLink, Change).Fixed(LinkHeader(index, up: true));
        _socket.Request(message, $"bring link {index} up");
    }

    /// <summary>Gives an interface an address; a prefix of its full length adds no route to neighbours.</summary>
    public void AddAddress(int index, IPAddress address, int prefixLength)
    {
        using var message = AddressMessage(
            NewAddress, Change | NetlinkFlags.Create | NetlinkFlags.Exclusive, index, address, prefixLength);
        _socket.Request(message, $"add address {address}/{prefixLength} to link {index}");
    }

    public void RemoveAddress(int index, IPAddress address, int prefixLength)
    {
        using var message = AddressMessage(DelAddress, Change, index, address, prefixLength);
        _socket.Request(message, $"remove address {address}/{prefixLength} from link {index}");
    }

    /// <summary>Routes a prefix into an interface (main table, no next hop).</summary>
    public void AddRoute(IPNetwork destination, int index)
    {
        using var message = RouteMessage(
            NewRoute, Change | NetlinkFlags.Create | NetlinkFlags.Exclusive, destination, index);
        _socket.Request(message, $"add route {destination} into link {index}");
    }

    public void RemoveRoute(IPNetwork destination, int index)
    {
        using var message = RouteMessage(DelRoute, Change, destination, index);
        _socket.Request(message, $"remove route {destination} from link {index}");
    }

    public IReadOnlyList<LinkInfo> GetLinks() => DumpAll(
        GetLink, LinkHeader(0), NewLink, "list links", ParseLink);

    public IReadOnlyList<AddressInfo> GetAddresses() => DumpAll(
        GetAddress, new byte[8], NewAddress, "list addresses", ParseAddress);

    /// <summary>Unicast routes of both families and every table; the kernel's own "local" ones are left out.</summary>
    public IReadOnlyList<RouteInfo> GetRoutes() => DumpAll(
        GetRoute, new byte[12], NewRoute, "list routes", ParseRoute);

    public void Dispose() => _socket.Dispose();

    private List<T> DumpAll<T>(ushort type, byte[] header, ushort answerType, string doing, Parser<T> parse)
        where T : class
    {
        // Ours: a namespace that changes this fast is given up on, and the last picture taken as it is.
        const int Attempts = 8;
        var found = new List<T>();
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            found.Clear();
            using var message = new NetlinkMessage(type, NetlinkFlags.Request | NetlinkFlags.Dump).Fixed(header);
            var consistent = _socket.Dump(message, doing, (answer, payload) =>
            {
                if (answer == answerType && parse(payload) is { } item)
                {
                    found.Add(item);
                }
            });
            if (consistent)
            {
                break;
            }
        }

        return found;
    }

    private static byte[] LinkHeader(int index, bool up = false)
    {
        // struct ifinfomsg: family, pad, type (u16), index (i32), flags (u32), change mask (u32).
        var header = new byte[16];
        MemoryMarshal.Write(header.AsSpan(4), index);
        if (up)
        {
            MemoryMarshal.Write(header.AsSpan(8), Link.FlagUp);
            MemoryMarshal.Write(header.AsSpan(12), Link.FlagUp);
        }

        return header;
    }

    private static NetlinkMessage AddressMessage(
        ushort type, NetlinkFlags flags, int index, IPAddress address, int prefixLength)
    {
        // struct ifaddrmsg: family, prefix length, flags, scope, index (u32).
        const byte WithoutDuplicateDetection = 0x02; // IFA_F_NODAD: usable at once; a tunnel has no neighbours to ask.
        var header = new byte[8];
        header[0] = FamilyOf(address);
        header[1] = (byte)prefixLength;
        header[2] = address.AddressFamily == AddressFamily.InterNetworkV6 ? WithoutDuplicateDetection : (byte)0;
        MemoryMarshal.Write(header.AsSpan(4), index);
        var bytes = address.GetAddressBytes();
        return new NetlinkMessage(type, flags).Fixed(header).Put(Address.Local, bytes).Put(Address.Peer, bytes);
    }

    private static NetlinkMessage RouteMessage(ushort type, NetlinkFlags flags, IPNetwork destination, int index)
    {
        // struct rtmsg: family, dst_len, src_len, tos, table, protocol, scope, type, flags (u32).
        var address = destination.BaseAddress;
        byte[] header =
        [
            FamilyOf(address), (byte)destination.PrefixLength, 0, 0, MainTable, StaticProtocol,
            address.AddressFamily == AddressFamily.InterNetwork ? ScopeLink : ScopeUniverse, Unicast, 0, 0, 0, 0,
        ];
        return new NetlinkMessage(type, flags)
            .Fixed(header)
            .Put(RouteAttribute.Destination, address.GetAddressBytes())
            .Put(RouteAttribute.OutInterface, (uint)index);
    }

    private static byte FamilyOf(IPAddress address)
        => (byte)(address.AddressFamily == AddressFamily.InterNetworkV6 ? AF_INET6 : AF_INET);

    // linux/if_link.h
    private static class Link
    {
        public const uint FlagUp = 1; // IFF_UP, linux/if.h
        public const ushort Name = 3;
        public const ushort Mtu = 4;
        public const ushort Information = 18;
        public const ushort Group = 27;
        public const ushort NamespaceFd = 28;
        public const ushort InformationKind = 1;
    }

    // linux/if_addr.h
    private static class Address
    {
        public const ushort Peer = 1;
        public const ushort Local = 2;
    }

    // linux/rtnetlink.h
    private static class RouteAttribute
    {
        public const ushort Destination = 1;
        public const ushort OutInterface = 4;
        public const ushort Gateway = 5;
        public const ushort Table = 15;
    }
}
