using System.Buffers.Binary;
using System.Globalization;
using System.IO.Pipes;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using System.Security;
using System.Security.Principal;
using NetBird.Agent.Store;
using OnLinux = NetBird.WireGuard.Linux.ConnectionOwner;
using OnMac = NetBird.WireGuard.Mac.ConnectionOwner;
using OnWindows = NetBird.WireGuard.Windows.ConnectionOwner;

namespace NetBird.Agent.Endpoint;

/// <summary>Whose process is at the other end of a connection on this machine.</summary>
internal static class SocketOwner
{
    // socket(7): SOL_SOCKET and SO_PEERCRED on Linux, every architecture .NET runs on.
    private const int SolSocket = 1;
    private const int SoPeerCred = 17;

    // sys/un.h of macOS: SOL_LOCAL and LOCAL_PEERCRED.
    private const int SolLocal = 0;
    private const int LocalPeerCred = 1;

    /// <summary>Who holds the client's end; null when it cannot be told, which callers refuse.</summary>
    public static Caller? Of(Socket accepted)
    {
        if (accepted.AddressFamily == AddressFamily.Unix)
        {
            return OfUnix(accepted) is { } peer ? Caller.OfUid(peer) : null;
        }

        if (accepted is not { RemoteEndPoint: IPEndPoint client, LocalEndPoint: IPEndPoint ours })
        {
            return null;
        }

        if (OperatingSystem.IsWindows())
        {
            return OnWindows.Of(client, ours) is { } held ? new Caller(new AccountId(held.Sid), held.IsElevated) : null;
        }

        var uid = OperatingSystem.IsLinux() ? OfTcp(client, ours) : OperatingSystem.IsMacOS() ? OnMac.Of(client, ours) : null;
        return uid is { } known ? Caller.OfUid(known) : null;
    }

    /// <summary>Who opened our pipe; null when it cannot be told, as long as nothing was read from it too.</summary>
    [SupportedOSPlatform("windows")]
    public static Caller? Of(NamedPipeServerStream pipe)
    {
        try
        {
            Caller? caller = null;
            pipe.RunAsClient(() =>
            {
                using var identity = WindowsIdentity.GetCurrent(ifImpersonating: true);
                caller = identity?.User is { } user
                    ? new Caller(new AccountId(user.Value), new WindowsPrincipal(identity).IsInRole(WindowsBuiltInRole.Administrator))
                    : null;
            });
            return caller;
        }
        catch (Exception e) when (e is IOException or InvalidOperationException or UnauthorizedAccessException or SecurityException)
        {
            return null;
        }
    }

    private static uint? OfUnix(Socket accepted)
    {
        if (OperatingSystem.IsLinux())
        {
            // struct ucred { pid_t pid; uid_t uid; gid_t gid; }, each 32 bits.
            Span<byte> credentials = stackalloc byte[12];
            return accepted.GetRawSocketOption(SolSocket, SoPeerCred, credentials) == credentials.Length
                ? MemoryMarshal.Read<uint>(credentials[4..8])
                : null;
        }

        if (OperatingSystem.IsMacOS())
        {
            // struct xucred of sys/ucred.h: version, uid, the number of groups and 16 of them, each 32 bits but for padding.
            Span<byte> credentials = stackalloc byte[76];
            return accepted.GetRawSocketOption(SolLocal, LocalPeerCred, credentials) == credentials.Length && MemoryMarshal.Read<uint>(credentials) == 0
                ? MemoryMarshal.Read<uint>(credentials[4..8])
                : null;
        }

        return null;
    }

    /// <summary>The kernel's own look-up, and where it finds nothing or there is none, the table of all connections.</summary>
    [SupportedOSPlatform("linux")]
    private static uint? OfTcp(IPEndPoint client, IPEndPoint ours) => OnLinux.Of(client, ours) ?? OfTable(client, ours);

    /// <summary>By proc(5). With 40,000 connections on the machine it took about 1 ms more than the look-up.</summary>
    internal static uint? OfTable(IPEndPoint client, IPEndPoint ours)
        => Find("/proc/net/tcp", Hex(client, mapped: false), Hex(ours, mapped: false))
            ?? Find("/proc/net/tcp6", Hex(client, mapped: true), Hex(ours, mapped: true));

    /// <summary>
    /// A socket whose process closed it already has inode 0 and shows uid 0, root's; it counts as unknown, or anyone could be
    /// root by closing early.
    /// </summary>
    private static uint? Find(string table, string local, string remote)
        => UidOf(table, local, fields => fields.Length > 9 && fields[1] == local && fields[2] == remote && fields[9] != "0");

    /// <summary>Whether a process still has the client's end open, if only to read from it.</summary>
    [SupportedOSPlatform("linux")]
    public static bool IsHeld(IPEndPoint client, IPEndPoint ours) => OfTcp(client, ours) is not null;

    /// <summary>Whoever listens there, on that address or on all of them; null when it cannot be told.</summary>
    public static AccountId? OfListener(IPEndPoint address)
        => OperatingSystem.IsWindows() ? OnWindows.OfListener(address) is { } held ? new AccountId(held.Sid) : null
            : OperatingSystem.IsLinux() && UidOfListener(address) is { } uid ? AccountId.OfUid(uid) : null;

    private static uint? UidOfListener(IPEndPoint address)
    {
        // include/net/tcp_states.h: TCP_LISTEN.
        const string Listening = "0A";
        var any = new IPEndPoint(IPAddress.Any, address.Port);
        var anyOfBoth = new IPEndPoint(IPAddress.IPv6Any, address.Port);
        string[] places = [Hex(address, mapped: false), Hex(address, mapped: true), Hex(any, mapped: false), Hex(any, mapped: true), Hex(anyOfBoth, mapped: true)];
        var port = string.Create(CultureInfo.InvariantCulture, $":{address.Port:X4} ");
        return Find("/proc/net/tcp") ?? Find("/proc/net/tcp6");

        uint? Find(string table) => UidOf(table, port, fields => fields.Length > 7 && fields[3] == Listening && places.Contains(fields[1]));
    }

    /// <summary>
    /// The uid of the first socket that fits, by proc(5), /proc/net/tcp: "sl local_address rem_address st tx:rx tr:when retrnsmt
    /// uid timeout inode".
    /// </summary>
    /// <param name="hint">Lines without it are not looked at more closely.</param>
    /// <returns>Null also where there is no such table: a machine without IPv6 has one of them alone.</returns>
    private static uint? UidOf(string table, string hint, Func<string[], bool> fits)
    {
        try
        {
            foreach (var line in File.ReadLines(table).Where(line => line.Contains(hint, StringComparison.Ordinal)))
            {
                var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                if (fits(fields) && uint.TryParse(fields[7], NumberStyles.None, CultureInfo.InvariantCulture, out var uid))
                {
                    return uid;
                }
            }
        }
        catch (IOException)
        {
            // No table, no answer.
        }

        return null;
    }

    /// <summary>Address and port as the table prints them: 32-bit words in the machine's order, in hexadecimal.</summary>
    internal static string Hex(IPEndPoint endpoint, bool mapped)
    {
        var address = endpoint.Address;
        if (mapped && address.AddressFamily == AddressFamily.InterNetwork)
        {
            address = address.MapToIPv6();
        }
        else if (!mapped && address.IsIPv4MappedToIPv6)
        {
            address = address.MapToIPv4();
        }

        var bytes = address.GetAddressBytes();
        var words = string.Concat(bytes.Chunk(4).Select(word =>
            (BitConverter.IsLittleEndian ? BinaryPrimitives.ReadUInt32LittleEndian(word) : BinaryPrimitives.ReadUInt32BigEndian(word))
            .ToString("X8", CultureInfo.InvariantCulture)));
        return string.Create(CultureInfo.InvariantCulture, $"{words}:{endpoint.Port:X4}");
    }
}
