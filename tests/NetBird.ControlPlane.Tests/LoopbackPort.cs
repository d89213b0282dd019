using System.Net;
using System.Net.Sockets;

namespace NetBird.ControlPlane.Tests;

/// <summary>A port for a server that has to be told one before it starts.</summary>
internal static class LoopbackPort
{
    public static int Free()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
