using System.Net.Sockets;
using NetBird.WireGuard.Linux;

namespace NetBird.WireGuard.Userspace.Sockets;

/// <summary>Opens the UDP socket of a tunnel, the fastest of this system, and says what to do when it cannot be had.</summary>
internal static class OuterSocket
{
    /// <param name="port">0 takes a free one.</param>
    /// <exception cref="TunnelException">The port cannot be had.</exception>
    public static IUdpSocket Open(int port)
    {
        try
        {
            // The Linux one is dual-stack; a kernel booted without IPv6 is served by the other.
            return OperatingSystem.IsLinux() && Socket.OSSupportsIPv6 ? new LinuxUdpSocket(port) : new ManagedUdpSocket(port);
        }
        catch (SocketException e)
        {
            throw new TunnelException(
                e.SocketErrorCode switch
                {
                    SocketError.AddressAlreadyInUse =>
                        $"UDP port {port} is taken by another program: stop it, or choose another port for WireGuard.",
                    SocketError.AccessDenied => $"This process may not use UDP port {port}: choose a port above 1023.",
                    _ => $"No UDP socket on port {port}: {e.Message}.",
                },
                e)
            {
                Obstacle = e.SocketErrorCode == SocketError.AccessDenied ? TunnelObstacle.NotPermitted : TunnelObstacle.Other,
            };
        }
    }
}
