using System.Globalization;
using System.IO.Pipes;
using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Text;
using Microsoft.Extensions.Logging;
using NetBird.Agent.Endpoint;
using NetBird.Agent.Store;

namespace NetBird.Agent.DaemonApi;

/// <summary>
/// Answers the commands that only ask, whole, on a socket of its own: one line with the command comes, "CODE\n" and the
/// text go back. A gRPC client alone takes the CLI longer to load than a person should wait for a status, and
/// <c>statusline</c> runs at every prompt of Claude Code.
/// </summary>
internal sealed partial class QuickServer(
    StateDirectory state, QuickAnswers answers, EndpointOwner owner, TimeProvider time, ILogger<QuickServer> logger)
{
    /// <summary>Ours: "usage --json --colour" is the longest there is.</summary>
    private const int LongestQuestionBytes = 128;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly HashSet<Task> _open = [];

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            await (OperatingSystem.IsWindows() ? AcceptPipesAsync(cancellationToken) : AcceptSocketsAsync(cancellationToken)).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // Shutdown.
        }

        await Task.WhenAll(_open).ConfigureAwait(false);
    }

    private async Task AcceptSocketsAsync(CancellationToken cancellationToken)
    {
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        File.Delete(state.QuickSocket);
        listener.Bind(new UnixDomainSocketEndPoint(state.QuickSocket));
        state.OpenSocket(state.QuickSocket);
        listener.Listen(16);
        try
        {
            while (true)
            {
                try
                {
                    var connection = await listener.AcceptAsync(cancellationToken).ConfigureAwait(false);
                    Open(ServeAsync(new NetworkStream(connection, ownsSocket: true), () => SocketOwner.Of(connection), cancellationToken));
                }
                catch (SocketException e)
                {
                    Log.NotAnswered(logger, e.Message);
                }
            }
        }
        finally
        {
            File.Delete(state.QuickSocket);
        }
    }

    [SupportedOSPlatform("windows")]
    private async Task AcceptPipesAsync(CancellationToken cancellationToken)
    {
        var next = LocalPipe.Open(state.QuickSocket, first: true);
        try
        {
            while (true)
            {
                await next.WaitForConnectionAsync(cancellationToken).ConfigureAwait(false);
                var connected = next;
                next = LocalPipe.Open(state.QuickSocket, first: false);
                Open(ServeAsync(connected, () => SocketOwner.Of(connected), cancellationToken));
            }
        }
        finally
        {
            await next.DisposeAsync().ConfigureAwait(false);
        }
    }

    private void Open(Task served)
    {
        _open.RemoveWhere(static task => task.IsCompleted);
        _open.Add(served);
    }

    private async Task ServeAsync(Stream connection, Func<Caller?> caller, CancellationToken cancellationToken)
    {
        await using (connection.ConfigureAwait(false))
        {
            try
            {
                using var patience = new CancellationTokenSource(Patience, time);
                using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
                var question = await ReadLineAsync(connection, either.Token).ConfigureAwait(false);
                if (!owner.GuardWithAdministrators.Allows(caller()))
                {
                    return;
                }

                var (code, text) = await answers.AnswerAsync(question, either.Token).ConfigureAwait(false);
                var reply = Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{code}\n{text}\n"));
                await connection.WriteAsync(reply, either.Token).ConfigureAwait(false);
                await EndAsync(connection, either.Token).ConfigureAwait(false);
                await answers.RefreshAsync(either.Token).ConfigureAwait(false);
            }
            catch (IOException e)
            {
                Log.NotAnswered(logger, e.Message);
            }
            catch (OperationCanceledException)
            {
                // Shutdown, or somebody who connected and asked nothing.
            }
        }
    }

    /// <summary>The caller has its answer, and does not wait for what is looked up afterwards.</summary>
    private static async Task EndAsync(Stream connection, CancellationToken cancellationToken)
    {
        if (OperatingSystem.IsWindows() && connection is NamedPipeServerStream pipe)
        {
            // Closing a pipe takes back what the other side has not read, and half of one cannot be closed: a zero says that all was sent.
            await pipe.WriteAsync(new byte[1], cancellationToken).ConfigureAwait(false);
            _ = await pipe.ReadAsync(new byte[1], cancellationToken).ConfigureAwait(false);
            return;
        }

        ((NetworkStream)connection).Socket.Shutdown(SocketShutdown.Both);
        await connection.DisposeAsync().ConfigureAwait(false);
    }

    private static async Task<string> ReadLineAsync(Stream connection, CancellationToken cancellationToken)
    {
        var buffer = new byte[LongestQuestionBytes];
        var length = 0;
        while (length < buffer.Length && !buffer.AsSpan(0, length).Contains((byte)'\n'))
        {
            var read = await connection.ReadAsync(buffer.AsMemory(length), cancellationToken).ConfigureAwait(false);
            if (read == 0)
            {
                break;
            }

            length += read;
        }

        return Encoding.ASCII.GetString(buffer, 0, length).Trim();
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.DaemonApi + 1, LogLevel.Debug, "A quick question is not answered: {Error}")]
        public static partial void NotAnswered(ILogger logger, string error);
    }
}
