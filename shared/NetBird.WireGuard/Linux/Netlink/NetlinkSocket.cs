using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;
using static Tmds.Linux.LibC;

namespace NetBird.WireGuard.Linux.Netlink;

/// <summary>
/// A netlink socket: one request at a time, its acknowledgement or dump awaited. It belongs for life to the
/// network namespace of the thread that opened it, and may then be used from any thread.
/// </summary>
internal sealed unsafe class NetlinkSocket : IDisposable
{
    /// <summary>NETLINK_ROUTE, linux/netlink.h.</summary>
    public const int Route = 0;

    /// <summary>NETLINK_SOCK_DIAG, linux/netlink.h.</summary>
    public const int SocketDiagnosis = 4;

    /// <summary>NETLINK_GENERIC, linux/netlink.h.</summary>
    public const int Generic = 16;

    // SOL_NETLINK, NETLINK_CAP_ACK and NETLINK_EXT_ACK: an error comes back without our request (which may hold
    // keys and be long) and with the kernel's words.
    private const int NetlinkLevel = 270;
    private const int CapAck = 10;
    private const int ExtendedAck = 11;

    // Message types below NLMSG_MIN_TYPE, linux/netlink.h.
    private const ushort Error = 2;
    private const ushort Done = 3;
    private const ushort CappedFlag = 0x100;
    private const ushort ErrorAttributesFlag = 0x200;
    private const ushort ErrorText = 1;

    // Ours: the kernel answers while it handles the request; the limit only keeps a bug from hanging the process.
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(10);

    // Ours: netlink_dump never builds a datagram of more than 32 KiB; an acknowledged request is never longer.
    private readonly byte[] _received = GC.AllocateArray<byte>(64 * 1024, pinned: true);

    private readonly Lock _one = new();
    private readonly SafeFileHandle _handle;
    private uint _sequence;
    private int _used;

    private NetlinkSocket(SafeFileHandle handle) => _handle = handle;

    /// <summary>Called for each message of an answer: its type and what follows the header.</summary>
    public delegate void Answer(ushort type, ReadOnlySpan<byte> payload);

    /// <summary>Opens a socket in the calling thread's network namespace.</summary>
    /// <exception cref="NetlinkException">The kernel refused.</exception>
    public static NetlinkSocket Open(int protocol)
    {
        var fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
        if (fd < 0)
        {
            throw new NetlinkException("open a netlink socket", errno);
        }

        var handle = new SafeFileHandle(fd, ownsHandle: true);
        try
        {
            // Connected to port 0, the kernel: a datagram from any other process is refused by the kernel itself.
            var kernel = stackalloc byte[12];
            new Span<byte>(kernel, 12).Clear();
            *(ushort*)kernel = (ushort)(int)AF_NETLINK;
            if (connect(fd, (sockaddr*)kernel, 12) < 0)
            {
                throw new NetlinkException("connect a netlink socket to the kernel", errno);
            }

            // Old kernels know neither; then errors come without text and with our request, which parses the same.
            var one = 1;
            _ = setsockopt(fd, NetlinkLevel, CapAck, &one, sizeof(int));
            _ = setsockopt(fd, NetlinkLevel, ExtendedAck, &one, sizeof(int));
            var limit = stackalloc long[] { (long)AnswerLimit.TotalSeconds, 0 };
            if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, limit, 2 * sizeof(long)) < 0)
            {
                throw new NetlinkException("set a netlink socket's timeout", errno);
            }

            return new NetlinkSocket(handle);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Sends a request and waits until the kernel did it.</summary>
    /// <param name="message">Sent with NLM_F_REQUEST | NLM_F_ACK set by its maker.</param>
    /// <param name="doing">What this does, to follow "could not".</param>
    /// <param name="answer">Given what the kernel answers before its acknowledgement.</param>
    /// <exception cref="NetlinkException">The kernel refused.</exception>
    public void Request(NetlinkMessage message, string doing, Answer? answer = null)
        => Exchange(message, doing, answer);

    /// <summary>Runs a dump; false when something changed meanwhile and it should be run again.</summary>
    /// <exception cref="NetlinkException">The kernel refused.</exception>
    public bool Dump(NetlinkMessage message, string doing, Answer answer)
        => Exchange(message, doing, answer);

    public void Dispose() => _handle.Dispose();

    /// <summary>Sends and awaits; false when a dump was interrupted by a change.</summary>
    private bool Exchange(NetlinkMessage message, string doing, Answer? answer)
    {
        lock (_one)
        {
            try
            {
                return ExchangeLocked(message, doing, answer);
            }
            finally
            {
                // Answers of the "wireguard" family hold keys.
                CryptographicOperations.ZeroMemory(_received.AsSpan(0, _used));
                _used = 0;
            }
        }
    }

    private bool ExchangeLocked(NetlinkMessage message, string doing, Answer? answer)
    {
        var sequence = ++_sequence;
        Send(message.Complete(sequence), doing);
        var consistent = true;
        while (true)
        {
            var datagram = Receive(doing);
            while (TryTake(ref datagram, out var type, out var flags, out var answered, out var payload))
            {
                if (answered != sequence)
                {
                    continue; // Left over from a request that ended early.
                }

                consistent &= (flags & (ushort)NetlinkFlags.DumpInterrupted) == 0;
                if (type is Error or Done)
                {
                    ThrowOnError(type, flags, payload, doing);
                    return consistent;
                }

                answer?.Invoke(type, payload);
            }
        }
    }

    /// <summary>Takes the first message off a datagram; false at its end.</summary>
    /// <exception cref="InvalidDataException">A length that does not fit.</exception>
    internal static bool TryTake(
        ref ReadOnlySpan<byte> datagram, out ushort type, out ushort flags, out uint sequence, out ReadOnlySpan<byte> payload)
    {
        if (datagram.Length < NetlinkMessage.HeaderSize)
        {
            type = flags = 0;
            sequence = 0;
            payload = default;
            return false;
        }

        var length = MemoryMarshal.Read<uint>(datagram);
        if (length < NetlinkMessage.HeaderSize || length > datagram.Length)
        {
            throw new InvalidDataException($"A netlink message says {length} bytes where {datagram.Length} came.");
        }

        type = MemoryMarshal.Read<ushort>(datagram[4..]);
        flags = MemoryMarshal.Read<ushort>(datagram[6..]);
        sequence = MemoryMarshal.Read<uint>(datagram[8..]);
        payload = datagram[NetlinkMessage.HeaderSize..(int)length];
        datagram = datagram[Math.Min(((int)length + 3) & ~3, datagram.Length)..];
        return true;
    }

    /// <summary>Reads NLMSG_ERROR or NLMSG_DONE: a negative errno or zero, and perhaps the kernel's words.</summary>
    internal static void ThrowOnError(ushort type, ushort flags, ReadOnlySpan<byte> payload, string doing)
    {
        if (payload.Length < sizeof(int))
        {
            if (type == Done)
            {
                return;
            }

            throw new InvalidDataException("A netlink error message has no code.");
        }

        var code = MemoryMarshal.Read<int>(payload);
        if (code < 0)
        {
            throw new NetlinkException(doing, -code, type == Error ? TextOf(flags, payload) : null);
        }
    }

    private static string? TextOf(ushort flags, ReadOnlySpan<byte> payload)
    {
        // After the code: our request's header, the rest of it unless capped, then attributes.
        if ((flags & ErrorAttributesFlag) == 0 || payload.Length < sizeof(int) + NetlinkMessage.HeaderSize)
        {
            return null;
        }

        var request = MemoryMarshal.Read<uint>(payload[sizeof(int)..]);
        var skip = sizeof(int) + ((flags & CappedFlag) != 0 ? NetlinkMessage.HeaderSize : (request + 3L) & ~3L);
        if (skip > payload.Length)
        {
            return null;
        }

        var attributes = new NetlinkAttributes(payload[(int)skip..]);
        while (attributes.Next())
        {
            if (attributes.Type == ErrorText)
            {
                return attributes.ReadText();
            }
        }

        return null;
    }

    private void Send(ReadOnlySpan<byte> request, string doing)
    {
        fixed (byte* bytes = request)
        {
            ssize_t sent;
            do
            {
                sent = send((int)_handle.DangerousGetHandle(), bytes, request.Length, 0);
            }
            while (sent < 0 && errno == EINTR);
            if (sent < 0)
            {
                throw new NetlinkException(doing, errno);
            }
        }
    }

    private ReadOnlySpan<byte> Receive(string doing)
    {
        fixed (byte* bytes = _received)
        {
            ssize_t length;
            do
            {
                length = recv((int)_handle.DangerousGetHandle(), bytes, _received.Length, MSG_TRUNC);
            }
            while (length < 0 && errno == EINTR);
            if (length < 0)
            {
                throw new NetlinkException(doing, errno);
            }

            if ((long)length > _received.Length)
            {
                throw new InvalidDataException($"The kernel's answer has {(long)length} bytes; {_received.Length} were expected at most.");
            }

            _used = Math.Max(_used, (int)(long)length);
            return _received.AsSpan(0, (int)(long)length);
        }
    }
}
