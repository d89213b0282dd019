using System.Net;
using System.Runtime.Versioning;

namespace NetBird.WireGuard.Windows;

/// <summary>Whose process is at the other end of a TCP connection of this machine. Asked here because only this project may declare imports.</summary>
[SupportedOSPlatform("windows")]
public static class ConnectionOwner
{
    /// <summary>The account whose process holds the client's end of a TCP connection that this machine accepted.</summary>
    /// <param name="client">The client's end, as the accepted socket names it.</param>
    /// <param name="server">Our end.</param>
    /// <returns>Null when it cannot be told, which callers refuse.</returns>
    public static TokenOwner? Of(IPEndPoint client, IPEndPoint server)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(server);
        return Holder(() => TcpTable.ProcessOf(client, server));
    }

    /// <summary>The account whose process listens there, on that address or on all of them; null when it cannot be told.</summary>
    public static TokenOwner? OfListener(IPEndPoint place)
    {
        ArgumentNullException.ThrowIfNull(place);
        return Holder(() => TcpTable.ListenerOf(place));
    }

    private static TokenOwner? Holder(Func<uint?> find)
    {
        if (find() is not { } process)
        {
            return null;
        }

        // The number may have passed to another process meanwhile. While we hold the process it cannot, so a second look that
        // names it names this one.
        using var held = ProcessToken.Open(process);
        return held is not null && find() == process ? ProcessToken.OwnerOf(held) : null;
    }
}

/// <summary>Whose token it is.</summary>
/// <param name="Sid">The user's SID as text, such as S-1-5-21-1-2-3-1001.</param>
/// <param name="IsElevated">Whether the process runs with an administrator's rights; false too when that cannot be told.</param>
public readonly record struct TokenOwner(string Sid, bool IsElevated);
