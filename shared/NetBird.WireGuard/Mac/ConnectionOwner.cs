using System.Net;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace NetBird.WireGuard.Mac;

/// <summary>Whose process is at the other end of a TCP connection of this machine. Asked here because only this project may declare imports.</summary>
[SupportedOSPlatform("macos")]
public static unsafe partial class ConnectionOwner
{
    private const string Library = "libSystem.dylib";

    // "System32" means here: by the system's own search only, never from the application's folder.
    private const DllImportSearchPath Trusted = DllImportSearchPath.System32;

    // Ours: the list grows between the two calls on a machine that connects all the time.
    private const int Attempts = 8;

    private const string Connections = "net.inet.tcp.pcblist_n";

    /// <summary>Effective uid.</summary>
    public static uint UidOfThisProcess => GetEUid();

    /// <summary>The uid whose process made the client's end of a connection that this machine accepted.</summary>
    /// <param name="client">The client's end, as the accepted socket names it.</param>
    /// <param name="server">Our end.</param>
    /// <returns>Null when it cannot be told, which callers refuse.</returns>
    public static uint? Of(IPEndPoint client, IPEndPoint server)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(server);
        return ProtocolBlocks.OwnerOf(Read(), client, server);
    }

    private static ReadOnlySpan<byte> Read()
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            nuint size = 0;
            if (SysctlByName(Connections, null, &size, null, 0) != 0)
            {
                return [];
            }

            // A little more, for connections that come meanwhile; when that is not enough the call fails with ENOMEM.
            var buffer = new byte[checked((int)(size + (size / 8) + 4096))];
            size = (nuint)buffer.Length;
            fixed (byte* start = buffer)
            {
                if (SysctlByName(Connections, start, &size, null, 0) == 0)
                {
                    return buffer.AsSpan(0, (int)Math.Min(size, (nuint)buffer.Length));
                }
            }
        }

        return [];
    }

    [LibraryImport(Library, EntryPoint = "geteuid")]
    [DefaultDllImportSearchPaths(Trusted)]
    private static partial uint GetEUid();

    [LibraryImport(Library, EntryPoint = "sysctlbyname", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(Trusted)]
    private static partial int SysctlByName(string name, byte* old, nuint* oldBytes, byte* value, nuint valueBytes);
}
