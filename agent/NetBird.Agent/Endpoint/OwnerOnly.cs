using System.Globalization;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.Extensions.Logging;

namespace NetBird.Agent.Endpoint;

/// <summary>
/// Asks once per connection whose process it comes from. TCP connections of others are let in as far as a refusal that
/// says why; sockets of others are closed, since only we could have opened the file to them.
/// </summary>
internal sealed partial class OwnerOnly(EndpointOwner owner, bool rootToo, ILogger<OwnerOnly> logger)
{
    private const string Verdict = "netbird.foreign-uid";

    /// <summary>Why this connection is not served; null when it is the owner's.</summary>
    public static string? RefusalOf(IDictionary<object, object?> connection) => connection.TryGetValue(Verdict, out var text) ? text as string : null;

    public ConnectionDelegate Mark(ConnectionDelegate next) => connection =>
    {
        if (Refusal(connection) is { } refusal)
        {
            connection.Items[Verdict] = refusal;
        }

        return next(connection);
    };

    public ConnectionDelegate Close(ConnectionDelegate next) => connection =>
    {
        if (Refusal(connection) is not null)
        {
            connection.Abort();
            return Task.CompletedTask;
        }

        return next(connection);
    };

    /// <summary>Whether this uid is served; one that cannot be told is not.</summary>
    public bool Allows(uint? uid) => uid == owner.Uid || (rootToo && uid == 0);

    private string? Refusal(ConnectionContext connection)
    {
        if (!OperatingSystem.IsLinux())
        {
            // Other systems guard by the file's mode or the pipe's access list alone; the README says so.
            return null;
        }

        var uid = connection.Features.Get<IConnectionSocketFeature>()?.Socket is { } socket ? SocketOwner.Of(socket) : null;
        if (Allows(uid))
        {
            return null;
        }

        Log.Foreign(logger, uid?.ToString(CultureInfo.InvariantCulture) ?? "unknown");
        return "This endpoint serves the person whom this agent was set up for, and the connection comes from another account of this machine. Run an agent of your own: netbird-agent up";
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Endpoint + 1, LogLevel.Warning, "A connection from uid {Uid} is refused")]
        public static partial void Foreign(ILogger logger, string uid);
    }
}
