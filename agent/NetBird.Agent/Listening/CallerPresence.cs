using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using NetBird.Agent.Endpoint;
using NetBird.WireGuard.Linux;

namespace NetBird.Agent.Listening;

/// <summary>
/// Whether the other end of a connection on this machine is still held by a process, after it said that it sends no more: a
/// caller may close its half and wait for the answer (RFC 9293 section 3.6), and another may have left, which looks the same
/// on the wire. Linux knows.
/// </summary>
[SupportedOSPlatform("linux")]
internal static class CallerPresence
{
    public static bool IsThere(Socket accepted)
    {
        try
        {
            return accepted.AddressFamily == AddressFamily.Unix
                ? !HangUp.Happened(accepted.SafeHandle)
                : accepted is { RemoteEndPoint: IPEndPoint client, LocalEndPoint: IPEndPoint ours } && SocketOwner.IsHeld(client, ours);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return false;
        }
    }
}
