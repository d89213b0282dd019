using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace NetBird.WireGuard.Linux;

/// <summary>
/// One question to a unix socket of this machine, and its answer. For commands that run at every prompt: to load and
/// start .NET's own sockets takes three quarters as long as the runtime's whole start, and they are not needed to wait.
/// </summary>
[SupportedOSPlatform("linux")]
public static unsafe class LocalQuestion
{
    // sys/socket.h
    private const int AfUnix = 1;
    private const int SockStream = 1;
    private const int SockNonBlocking = 0x800;
    private const int SockCloseOnExec = 0x80000;

    // sockaddr_un, unix(7): the family, then the path with its closing zero.
    private const int AddressBytes = 110;
    private const int PathStart = 2;

    /// <summary>Connects, sends, and reads until the other side ends.</summary>
    /// <param name="path">Of the socket; at most 107 bytes (unix(7)).</param>
    /// <param name="question">Sent whole; short enough for any socket's buffer.</param>
    /// <param name="longestAnswerBytes">What comes after that is left out.</param>
    /// <param name="patience">For each wait, not for all of them together.</param>
    /// <returns>
    /// The answer; null where nobody listens, more wait there than the listener lets in, or the answer does not come or is empty.
    /// </returns>
    public static byte[]? Ask(string path, ReadOnlySpan<byte> question, int longestAnswerBytes, TimeSpan patience)
    {
        if (Encoding.UTF8.GetByteCount(path) >= AddressBytes - PathStart)
        {
            return null;
        }

        var address = stackalloc byte[AddressBytes];
        new Span<byte>(address, AddressBytes).Clear();
        address[0] = BitConverter.IsLittleEndian ? (byte)AfUnix : (byte)0;
        address[1] = BitConverter.IsLittleEndian ? (byte)0 : (byte)AfUnix;
        Encoding.UTF8.GetBytes(path, new Span<byte>(address + PathStart, AddressBytes - PathStart));

        // Not blocking: where the listener's queue is full, connect(2) would wait for as long as the listener is away.
        using var socket = new SafeFileHandle(Libc.Socket(AfUnix, SockStream | SockNonBlocking | SockCloseOnExec, 0), ownsHandle: true);
        if (socket.IsInvalid || Libc.Connect((int)socket.DangerousGetHandle(), address, AddressBytes) != 0)
        {
            return null;
        }

        fixed (byte* words = question)
        {
            return Libc.Write((int)socket.DangerousGetHandle(), words, (nuint)question.Length) == question.Length
                ? ReadToEnd((int)socket.DangerousGetHandle(), longestAnswerBytes, (int)patience.TotalMilliseconds)
                : null;
        }
    }

    private static byte[]? ReadToEnd(int socket, int longestBytes, int patienceMs)
    {
        var buffer = new byte[longestBytes];
        var length = 0;
        fixed (byte* start = buffer)
        {
            while (length < buffer.Length)
            {
                var wait = new Libc.PollDescriptor { Fd = socket, Events = Libc.PollIn };
                var ready = Libc.Poll(&wait, 1, patienceMs);
                var read = ready > 0 ? Libc.Read(socket, start + length, (nuint)(buffer.Length - length)) : ready;
                if (read < 0 && Marshal.GetLastPInvokeError() == Libc.EINTR)
                {
                    continue;
                }

                if (ready == 0 || read < 0)
                {
                    return null;
                }

                if (read == 0)
                {
                    break;
                }

                length += (int)read;
            }
        }

        return length == 0 ? null : buffer[..length];
    }
}
