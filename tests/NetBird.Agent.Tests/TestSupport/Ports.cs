using System.Net;
using System.Net.Sockets;

namespace NetBird.Agent.Tests.TestSupport;

/// <summary>Ports of this project's own range, so that suites that run side by side do not meet.</summary>
internal static class Ports
{
    private static int _next = 28000 + (Environment.ProcessId * 7 % 900);

    public static int FreeUdp()
    {
        for (var i = 0; i < 1000; i++)
        {
            var port = 28000 + (Interlocked.Increment(ref _next) % 1000);
            try
            {
                using var probe = new UdpClient(new IPEndPoint(IPAddress.Loopback, port));
                return port;
            }
            catch (SocketException)
            {
            }
        }

        throw new InvalidOperationException("No free port.");
    }

    public static int Free()
    {
        for (var i = 0; i < 1000; i++)
        {
            var port = 28000 + (Interlocked.Increment(ref _next) % 1000);
            try
            {
                using var probe = new TcpListener(IPAddress.Loopback, port);
                probe.Start();
                return port;
            }
            catch (SocketException)
            {
            }
        }

        throw new InvalidOperationException("No free port.");
    }
}
