using System.Net.Sockets;
using System.Runtime.Versioning;
using Grpc.Core;
using Grpc.Net.Client;
using NetBird.Agent.DaemonApi;
using NetBird.Agent.Store;
using NetBird.Protocol.Daemon.V1;

namespace NetBird.Agent.Cli;

/// <summary>The CLI's line to the daemon.</summary>
internal sealed class DaemonConnection : IDisposable
{
    private readonly GrpcChannel _channel;

    private DaemonConnection(GrpcChannel channel)
    {
        _channel = channel;
        Client = new DaemonService.DaemonServiceClient(channel);
    }

    public DaemonService.DaemonServiceClient Client { get; }

    public static DaemonConnection Open(StateDirectory state)
    {
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            ActivityHeadersPropagator = null,
            ConnectCallback = async (_, cancellationToken) =>
            {
                if (OperatingSystem.IsWindows())
                {
                    return LocalPipe.TryConnect(state.DaemonSocket) ?? throw new IOException("The agent does not answer.");
                }

                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                try
                {
                    await socket.ConnectAsync(new UnixDomainSocketEndPoint(state.DaemonSocket), cancellationToken).ConfigureAwait(false);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            },
        };
        return new DaemonConnection(GrpcChannel.ForAddress("http://daemon", new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = true }));
    }

    /// <summary>True when a daemon takes connections, without loading any of gRPC.</summary>
    public static bool IsRunning(StateDirectory state)
    {
        if (OperatingSystem.IsWindows())
        {
            return HasPipe(state);
        }

        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(state.DaemonSocket));
            return true;
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AccessDenied)
        {
            throw NotYours(state);
        }
        catch (SocketException)
        {
            return false;
        }
    }

    [SupportedOSPlatform("windows")]
    private static bool HasPipe(StateDirectory state)
    {
        try
        {
            using var pipe = LocalPipe.TryConnect(state.DaemonSocket);
            return pipe is not null;
        }
        catch (UnauthorizedAccessException)
        {
            throw NotYours(state);
        }
    }

    private static DaemonException NotYours(StateDirectory state) => new($"The daemon of {state.Path} belongs to somebody else.", ExitCode.NotPermitted);

    /// <summary>How the agent is, within 5 s.</summary>
    /// <exception cref="DaemonException">Nobody answers, or not this account.</exception>
    public static Task<StatusReply> StatusAsync(StateDirectory state, CancellationToken cancellationToken)
        => AskAsync(state, async client => await client.GetStatusAsync(
            new GetStatusRequest(), deadline: DownCommand.In(TimeSpan.FromSeconds(5)), cancellationToken: cancellationToken));

    /// <summary>Asks, and turns every failure into a sentence with an exit code.</summary>
    public static async Task<T> AskAsync<T>(
        StateDirectory state, Func<DaemonService.DaemonServiceClient, Task<T>> ask)
    {
        if (!IsRunning(state))
        {
            throw DaemonException.NotRunning();
        }

        using var connection = Open(state);
        try
        {
            return await ask(connection.Client).ConfigureAwait(false);
        }
        catch (RpcException e) when (DaemonException.IsCutOff(e) && state.SocketPath != state.Path)
        {
            throw new DaemonException(
                $"The agent behind {state.SocketPath} does not serve this account. Run one of your own, without --socket-dir: netbird-agent up", ExitCode.NotPermitted);
        }
        catch (RpcException e)
        {
            throw DaemonException.From(e);
        }
    }

    public void Dispose() => _channel.Dispose();
}
