using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace NetBird.WireGuard.Linux;

/// <summary>Whether both directions of a connection are at their end, and not one alone (poll(2), POLLHUP).</summary>
[SupportedOSPlatform("linux")]
public static class HangUp
{
    // poll.h
    private const short PollErr = 0x8;
    private const short PollHup = 0x10;
    private const short PollNval = 0x20;

    /// <param name="socket">Of a unix socket: its peer closed it, or died. TCP cannot tell that from a half that was closed.</param>
    /// <exception cref="ObjectDisposedException">It is closed on this side.</exception>
    public static unsafe bool Happened(SafeHandle socket)
    {
        ArgumentNullException.ThrowIfNull(socket);
        var isHeld = false;
        try
        {
            socket.DangerousAddRef(ref isHeld);
            var looked = new Libc.PollDescriptor { Fd = (int)socket.DangerousGetHandle() };
            return Libc.Poll(&looked, 1, timeoutMs: 0) != 0 && (looked.Returned & (PollErr | PollHup | PollNval)) != 0;
        }
        finally
        {
            if (isHeld)
            {
                socket.DangerousRelease();
            }
        }
    }
}
