using System.ComponentModel;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using NetBird.WireGuard.Configuration;
using NetBird.WireGuard.Linux.Netlink;

namespace NetBird.WireGuard.Linux.Kernel;

internal sealed partial class KernelTunnel
{
    private const string DriverKind = "wireguard";

    /// <summary>Brings a kernel interface up, routed and without peers.</summary>
    /// <exception cref="TunnelException">The kernel has no WireGuard, or refused; the message says what to do.</exception>
    internal static Task<ITunnel> OpenAsync(TunnelOptions options, CancellationToken cancellationToken)
        => Task.Run<ITunnel>(() => Open(options), cancellationToken);

    private static KernelTunnel Open(TunnelOptions options)
    {
        var logger = options.Logging.CreateLogger<KernelTunnel>();
        NetworkNamespace? space = null;
        InterfaceClaim? claim = null;
        RouteSocket? routes = null;
        WireGuardSocket? wireGuard = null;
        KernelTunnel? tunnel = null;
        try
        {
            using var outside = RouteSocket.Open();
            if (options.OwnNamespace)
            {
                space = NetworkNamespace.Create();
            }
            else
            {
                claim = InterfaceClaim.Take(options.InterfaceName);
                RemoveLeftBehind(outside, options.InterfaceName, logger);
            }

            // Made from here but placed inside in one step: the UDP socket stays in this namespace for the
            // interface's whole life, and there is no moment at which a kill would leave the interface outside.
            outside.CreateLink(options.InterfaceName, DriverKind, InterfaceClaim.Mark, space?.Handle);
            routes = space?.Run(RouteSocket.Open) ?? RouteSocket.Open();
            wireGuard = space?.Run(WireGuardSocket.Open) ?? WireGuardSocket.Open();
            tunnel = new KernelTunnel(options.InterfaceName, space, claim, routes, wireGuard, options.Time, logger);
            tunnel.Configure(options);
            return tunnel;
        }
        catch (Exception e)
        {
            CleanUp(options.InterfaceName, tunnel, routes, wireGuard, space, claim);
            throw e is NetlinkException refusal ? SetupFailure.Explain(refusal, options)
                : e is Win32Exception failure ? new TunnelException(failure.Message, failure)
                : e;
        }
    }

    private void Configure(TunnelOptions options)
    {
        var link = _routes.FindLink(InterfaceName)
            ?? throw new TunnelException($"The interface {InterfaceName} vanished while it was set up.");
        _wireGuard.Apply(InterfaceName, new InterfaceChange
        {
            PrivateKey = options.PrivateKey,
            ListenPort = (ushort)options.ListenPort,
        });
        _routes.SetMtu(link.Index, options.Mtu);
        foreach (var address in options.Addresses)
        {
            _routes.AddAddress(
                link.Index, address, prefixLength: address.AddressFamily == AddressFamily.InterNetworkV6 ? 128 : 32);
        }

        _routes.SetUp(link.Index);
        if (_namespace is not null && _routes.FindLink("lo") is { IsUp: false } loopback)
        {
            // Connections from this end to its own overlay address go over it.
            _routes.SetUp(loopback.Index);
        }

        foreach (var prefix in options.Routes)
        {
            _routes.AddRoute(prefix, link.Index);
        }

        _interface.Remember();
    }

    /// <summary>Removes an interface that carries our mark; the claim on its name says that its process is dead.</summary>
    private static void RemoveLeftBehind(RouteSocket routes, string name, ILogger logger)
    {
        if (routes.FindLink(name) is not { } link)
        {
            return;
        }

        if (link.Group != InterfaceClaim.Mark || link.Kind != DriverKind)
        {
            throw new TunnelException(
                $"An interface named {name} exists already and is not ours: choose another name, or stop the program that has it.");
        }

        routes.DeleteLink(link.Index);
        Log.LeftBehind(logger, name);
    }

    private static void CleanUp(
        string name, KernelTunnel? tunnel, RouteSocket? routes, WireGuardSocket? wireGuard, NetworkNamespace? space, InterfaceClaim? claim)
    {
        // With a namespace of its own the interface goes with the last descriptor; outside it must be deleted.
        try
        {
            if (routes?.FindLink(name) is { } link && link.Group == InterfaceClaim.Mark)
            {
                routes.DeleteLink(link.Index);
            }
        }
        catch (NetlinkException)
        {
            // What went wrong first is what is told; the next start finds the mark.
        }

        tunnel?.Release();
        wireGuard?.Dispose();
        routes?.Dispose();
        space?.Dispose();
        claim?.Dispose();
    }
}
