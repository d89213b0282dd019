using System.ComponentModel;
using System.Net.Sockets;
using NetBird.WireGuard.Configuration;
using NetBird.WireGuard.Linux.Netlink;
using static Tmds.Linux.LibC;

namespace NetBird.WireGuard.Linux.External;

internal sealed partial class ExternalTunnel
{
    /// <summary>Takes an interface over that another program runs: without peers, addressed, up and routed.</summary>
    /// <exception cref="TunnelException">There is none, it is somebody's, or it cannot be set up; the message says what to do.</exception>
    internal static ITunnel Open(TunnelOptions options)
    {
        NetworkNamespace? space = null;
        InterfaceClaim? claim = null;
        RouteSocket? routes = null;
        ExternalTunnel? tunnel = null;
        try
        {
            space = options.NamespacePath is { } path ? NetworkNamespace.Open(path) : null;
            claim = space?.Run(() => InterfaceClaim.Take(options.InterfaceName)) ?? InterfaceClaim.Take(options.InterfaceName);
            routes = space?.Run(RouteSocket.Open) ?? RouteSocket.Open();
            tunnel = new ExternalTunnel(options, space, claim, routes);
            tunnel.Begin();
            return tunnel;
        }
        catch (Exception e)
        {
            if (tunnel is not null)
            {
                tunnel.Release();
            }
            else
            {
                routes?.Dispose();
                claim?.Dispose();
                space?.Dispose();
            }

            throw e is IOException or Win32Exception ? new TunnelException(e.Message, e) : e;
        }
    }

    private void Begin()
    {
        lock (_change)
        {
            CheckFreeLocked();
            _link = ConfigureLocked();
        }

        _watching = WatchAsync(_stopping.Token);
    }

    /// <summary>An interface with somebody else's key carries somebody else's traffic, which taking it over would cut.</summary>
    private void CheckFreeLocked()
    {
        if (_routes.FindLink(InterfaceName) is null)
        {
            throw new TunnelException(
                $"There is no interface {InterfaceName} {Where()}. Start the program that runs it first, such as: wireguard-go {InterfaceName}"
                + (_namespace is null ? " (or say where it is: --tunnel-namespace /run/netns/NAME)" : ""));
        }

        InterfaceState state;
        try
        {
            state = _program.Read();
        }
        catch (IOException e)
        {
            throw new TunnelException(
                $"{e.Message} The program that runs {InterfaceName} has to serve the WireGuard configuration protocol there, as wireguard-go does, "
                + "and let this user connect. For the kernel's own WireGuard use --tunnel kernel.", e);
        }

        using (state)
        {
            if (state.PrivateKey is { } key && key.PublicKey != PublicKey)
            {
                throw new TunnelException(
                    $"The interface {InterfaceName} is in use: it has another private key. Give the control plane an interface of its own, "
                    + $"or free this one: wg set {InterfaceName} private-key /dev/null");
            }
        }
    }

    /// <summary>All of it: addresses, route, key, port and every peer.</summary>
    /// <returns>The interface's index.</returns>
    private int ConfigureLocked()
    {
        var link = _routes.FindLink(InterfaceName) ?? throw new IOException($"The interface {InterfaceName} is gone.");
        SetUp(link);
        _program.Apply(new InterfaceChange
        {
            PrivateKey = _key,
            ListenPort = (ushort)(ListenPort != 0 ? ListenPort : _options.ListenPort),
            ReplacePeers = true,
            Peers = [.. _peers.Values.Select(PeerChange.From)],
        });
        using var state = _program.Read();
        ListenPort = state.ListenPort;
        return link.Index;
    }

    /// <summary>Adds what is missing; where all is there, no privilege is needed.</summary>
    private void SetUp(LinkInfo link)
    {
        try
        {
            if (link.Mtu != _options.Mtu)
            {
                _routes.SetMtu(link.Index, _options.Mtu);
            }

            var addresses = _routes.GetAddresses();
            foreach (var address in _options.Addresses)
            {
                if (addresses.FirstOrDefault(known => known.Address.Equals(address)) is not { } known)
                {
                    _routes.AddAddress(link.Index, address, address.AddressFamily == AddressFamily.InterNetworkV6 ? 128 : 32);
                }
                else if (known.Link != link.Index)
                {
                    throw new IOException(
                        $"Another interface {Where()} has the address {address}: choose another --overlay, or take it away from there.");
                }
            }

            if (!link.IsUp)
            {
                _routes.SetUp(link.Index);
            }

            var routes = _routes.GetRoutes();
            foreach (var prefix in _options.Routes)
            {
                if (!routes.Any(route => route.Destination.Equals(prefix) && route.Link == link.Index))
                {
                    _routes.AddRoute(prefix, link.Index);
                }
            }
        }
        catch (NetlinkException e) when (e.Errno == EPERM || e.Errno == EACCES)
        {
            throw new IOException(
                $"This process may not set up {InterfaceName} (it lacks CAP_NET_ADMIN). Run it as root, or do it for it: "
                + string.Concat(_options.Addresses.Select(address => $"ip addr add {address} dev {InterfaceName}; "))
                + $"ip link set {InterfaceName} mtu {_options.Mtu} up"
                + string.Concat(_options.Routes.Select(prefix => $"; ip route add {prefix} dev {InterfaceName}")),
                e);
        }
        catch (NetlinkException e) when (e.Errno == EEXIST)
        {
            throw new IOException($"A route of {string.Join(", ", _options.Routes)} {Where()} leads elsewhere: choose another --overlay, or remove it. {e.Message}", e);
        }
    }

    private void TakeBackAddresses()
    {
        if (_routes.FindLink(InterfaceName) is not { } link)
        {
            return;
        }

        foreach (var route in _routes.GetRoutes().Where(route => route.Link == link.Index && _options.Routes.Contains(route.Destination)))
        {
            _routes.RemoveRoute(route.Destination, link.Index);
        }

        foreach (var known in _routes.GetAddresses().Where(known => known.Link == link.Index && _options.Addresses.Contains(known.Address)))
        {
            _routes.RemoveAddress(link.Index, known.Address, known.PrefixLength);
        }
    }

    private string Where() => _namespace is null ? "on this machine" : $"in {_options.NamespacePath}";
}
