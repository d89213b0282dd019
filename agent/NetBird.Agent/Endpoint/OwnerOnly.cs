using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace NetBird.Agent.Endpoint;

/// <summary>
/// Asks once per connection whose process it comes from. TCP connections of others are let in as far as a refusal that
/// says why; sockets of others are closed, since only we could have opened the file to them.
/// </summary>
internal sealed partial class OwnerOnly(EndpointOwner owner, bool administratorsToo, ILogger<OwnerOnly> logger)
{
    private const string Verdict = "netbird.foreign-account";

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

    public ConnectionDelegate Close(ConnectionDelegate next) => async connection =>
    {
        if (connection.Features.Get<IConnectionNamedPipeFeature>() is not null)
        {
            // Windows tells who opened a pipe once something was read from it (ImpersonateNamedPipeClient). It is left for whoever is next.
            try
            {
                var first = await connection.Transport.Input.ReadAsync(connection.ConnectionClosed).ConfigureAwait(false);
                connection.Transport.Input.AdvanceTo(first.Buffer.Start);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }

        if (Refusal(connection) is not null)
        {
            connection.Abort();
            return;
        }

        await next(connection).ConfigureAwait(false);
    };

    /// <summary>Whether this caller is served; one that cannot be told is not.</summary>
    public bool Allows(Caller? caller) => caller is { } known && (known.Account == owner.Account || (administratorsToo && known.IsAdministrator));

    /// <summary>Who is at the other end of a connection; null when it cannot be told.</summary>
    public static Caller? CallerOf(IFeatureCollection features)
        => features.Get<IConnectionSocketFeature>()?.Socket is { } socket ? SocketOwner.Of(socket)
            : OperatingSystem.IsWindows() && features.Get<IConnectionNamedPipeFeature>()?.NamedPipe is { } pipe ? SocketOwner.Of(pipe)
            : null;

    private string? Refusal(ConnectionContext connection)
    {
        var caller = CallerOf(connection.Features);
        if (Allows(caller))
        {
            return null;
        }

        Log.Foreign(logger, caller?.Account.ToString() ?? "an account that cannot be told");
        return "This endpoint serves the person whom this agent was set up for, and " + (caller is null
            ? $"{Untold}. {WhenUntold}"
            : "the connection comes from another account of this machine. Run an agent of your own: netbird-agent up");
    }

    /// <summary>Why a caller is refused whom the system did not tell.</summary>
    public const string Untold = "this system does not tell which account the connection comes from";

    /// <summary>What to do then.</summary>
    public static string WhenUntold => OperatingSystem.IsWindows()
        ? "Start it as the same account as the agent, and not with an administrator's rights while the agent has none."
        : "Try again; if it stays so, run Claude Code through the agent's unix socket: netbird-agent exec --socket -- claude";

    private static partial class Log
    {
        [LoggerMessage(EventIds.Endpoint + 1, LogLevel.Warning, "A connection from {Account} is refused")]
        public static partial void Foreign(ILogger logger, string account);
    }
}
