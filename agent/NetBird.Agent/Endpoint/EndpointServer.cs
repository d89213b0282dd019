using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using NetBird.Agent.Lifecycle;
using NetBird.Agent.Listening;
using NetBird.Agent.Store;
using NetBird.Agent.Tunnel;

namespace NetBird.Agent.Endpoint;

/// <summary>What Claude Code talks to: plain HTTP on loopback and on a unix socket.</summary>
internal sealed partial class EndpointServer(
    StateDirectory state, EndpointHandler handler, EndpointOwner endpointOwner, TunnelSupervisor tunnel, IdleMemory memory,
    TimeProvider time, ILoggerFactory logging) : IAsyncDisposable
{
    private readonly ILogger<EndpointServer> _logger = logging.CreateLogger<EndpointServer>();
    private readonly SemaphoreSlim _turn = new(1, 1);
    private SleepingServer? _server;

    /// <summary>ADDR:PORT that is listened on; empty while none is.</summary>
    public string Listening { get; private set; } = "";

    public string Url => Listening.Length == 0 ? "" : "http://" + Listening;

    /// <summary>Listens on an address of this machine's loopback, in place of the one before.</summary>
    /// <returns>Why it does not listen; null when it does.</returns>
    public async Task<string?> ListenAsync(string address, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (Listening == address)
            {
                return null;
            }

            if (LoopbackAddress.TryParse("--endpoint", address, out var wrong) is not { } wanted)
            {
                return wrong;
            }

            var before = Listening;
            await StopLockedAsync().ConfigureAwait(false);
            var problem = StartLocked(wanted, address);
            if (problem is not null && before.Length != 0)
            {
                // Whoever uses the old address keeps it.
                StartLocked(IPEndPoint.Parse(before), before);
            }

            return problem;
        }
        finally
        {
            _turn.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopLockedAsync().ConfigureAwait(false);
        _turn.Dispose();
    }

    private string? StartLocked(IPEndPoint wanted, string address)
    {
        List<Door> doors = [];
        try
        {
            doors.Add(Door.Open(wanted, listen => Treat(listen, endpointOwner.Guard.Mark)));
            if (Socket.OSSupportsUnixDomainSockets && !OperatingSystem.IsWindows())
            {
                doors.Add(Door.Open(state.EndpointSocket, listen => Treat(listen, endpointOwner.Guard.Close)));
                state.OpenSocket(state.EndpointSocket);
            }
        }
        catch (Exception e) when (e is SocketException or IOException or UnauthorizedAccessException)
        {
            doors.ForEach(door => door.Dispose());
            Log.NotListening(_logger, address, e.Message);
            return e is SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse }
                ? TakenPort.Describe(wanted)
                : $"The endpoint cannot listen on {address}: {e.Message}";
        }

        _server = EndpointWeb.Serve(doors, name: null, handler, tunnel, memory, time, logging);
        Listening = address;
        Log.Listening(_logger, address);
        return null;
    }

    private static void Treat(ListenOptions listen, Func<ConnectionDelegate, ConnectionDelegate> guard)
    {
        listen.Protocols = HttpProtocols.Http1;
        listen.Use(guard);
    }

    private async Task StopLockedAsync()
    {
        if (_server is { } server)
        {
            (_server, Listening) = (null, "");
            await server.DisposeAsync().ConfigureAwait(false);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Endpoint + 11, LogLevel.Information, "The endpoint listens on {Address}")]
        public static partial void Listening(ILogger logger, string address);

        [LoggerMessage(EventIds.Endpoint + 12, LogLevel.Error, "The endpoint does not listen on {Address}: {Reason}")]
        public static partial void NotListening(ILogger logger, string address, string reason);
    }
}
