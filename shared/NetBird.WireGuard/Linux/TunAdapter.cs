using System.Net.Sockets;
using System.Runtime.Versioning;
using NetBird.WireGuard.Linux.Netlink;
using NetBird.WireGuard.Userspace;
using NetBird.WireGuard.Userspace.Sockets;

namespace NetBird.WireGuard.Linux;

/// <summary>Our engine over a TUN device, in a namespace of its own or in the machine's.</summary>
[SupportedOSPlatform("linux")]
internal static class TunAdapter
{
    /// <summary>Brings the interface up, addressed and routed.</summary>
    /// <exception cref="TunnelException">It cannot be had; the message says what to do.</exception>
    public static ITunnel Open(TunnelOptions options, string reason)
    {
        // The socket stays in the machine's namespace: the outer packets leave from there.
        var socket = OuterSocket.Open(options.ListenPort);
        NetworkNamespace? own = null;
        TunDevice? device = null;
        try
        {
            own = options.OwnNamespace ? NetworkNamespace.Create() : null;
            device = own is null ? OpenInterface(options, loopback: false) : own.Run(() => OpenInterface(options, loopback: true));
            var engine = new Engine(options.PrivateKey, device, socket, options.Time, options.Logging);
            engine.Start();
            var overlay = new KernelOverlay(own, options.InterfaceName, bound: own is null);
            return new UserspaceTunnel(
                TunnelKind.Userspace, reason, options.InterfaceName, engine, overlay, own is null ? [] : [own])
            {
                OpenSocket = OuterSocket.Open,
            };
        }
        catch
        {
            Abandon(device, socket);
            own?.Dispose();
            throw;
        }
    }

    private static TunDevice OpenInterface(TunnelOptions options, bool loopback)
    {
        var device = TunDevice.Open(options.InterfaceName, options.Mtu);
        try
        {
            using var routes = RouteSocket.Open();
            if (loopback && routes.FindLink("lo") is { } lo)
            {
                // Otherwise connections to this end's own overlay address have nowhere to go.
                routes.SetUp(lo.Index);
            }

            var link = routes.FindLink(options.InterfaceName)
                ?? throw new TunnelException($"The interface {options.InterfaceName} vanished while it was being set up.");
            routes.SetMtu(link.Index, options.Mtu);
            foreach (var address in options.Addresses)
            {
                routes.AddAddress(link.Index, address, address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128);
            }

            routes.SetUp(link.Index);
            foreach (var route in options.Routes)
            {
                routes.AddRoute(route, link.Index);
            }

            return device;
        }
        catch (NetlinkException e)
        {
            device.Close();
            throw SetupFailure.Explain(e, options);
        }
        catch
        {
            device.Close();
            throw;
        }
    }

    private static void Abandon(TunDevice? device, IUdpSocket socket)
    {
        device?.Close();
        socket.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }
}
