using NetBird.WireGuard.Userspace;
using NetBird.WireGuard.Userspace.Sockets;

namespace NetBird.WireGuard.NetStack;

/// <summary>Our engine over the stack in this process: no interface, no route, no privilege, on any system.</summary>
internal static class RootlessAdapter
{
    /// <summary>Opens the UDP socket and starts the engine; nothing of the machine is changed.</summary>
    /// <exception cref="TunnelException">The UDP port cannot be had.</exception>
    public static ITunnel Open(TunnelOptions options, string reason)
    {
        var socket = OuterSocket.Open(options.ListenPort);
        try
        {
            var stack = new RootlessStack(options.Addresses, options.Mtu, options.Time, options.Logging);
            var engine = new Engine(options.PrivateKey, stack, socket, options.Time, options.Logging);
            engine.Start();
            return new UserspaceTunnel(TunnelKind.Rootless, reason, options.InterfaceName, engine, stack)
            {
                OpenSocket = OuterSocket.Open,
            };
        }
        catch
        {
            socket.DisposeAsync().AsTask().GetAwaiter().GetResult();
            throw;
        }
    }
}
