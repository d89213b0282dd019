using System.Globalization;
using System.Net.Sockets;
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
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        File.Delete(state.QuickSocket);
        listener.Bind(new UnixDomainSocketEndPoint(state.QuickSocket));
        state.OpenSocket(state.QuickSocket);
        listener.Listen(16);
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                var connection = await listener.AcceptAsync(cancellationToken).ConfigureAwait(false);
                _open.RemoveWhere(static task => task.IsCompleted);
                _open.Add(ServeAsync(connection, cancellationToken));
            }
            catch (OperationCanceledException)
            {
                break;
            }
            catch (SocketException e)
            {
                Log.NotAnswered(logger, e.SocketErrorCode);
            }
        }

        await Task.WhenAll(_open).ConfigureAwait(false);
        File.Delete(state.QuickSocket);
    }

    private async Task ServeAsync(Socket connection, CancellationToken cancellationToken)
    {
        using (connection)
        {
            try
            {
                if (OperatingSystem.IsLinux() && !owner.GuardWithRoot.Allows(SocketOwner.Of(connection)))
                {
                    return;
                }

                using var patience = new CancellationTokenSource(Patience, time);
                using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
                var question = await ReadLineAsync(connection, either.Token).ConfigureAwait(false);
                var (code, text) = await answers.AnswerAsync(question, either.Token).ConfigureAwait(false);
                var reply = Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{code}\n{text}\n"));
                await connection.SendAsync(reply, either.Token).ConfigureAwait(false);
                connection.Shutdown(SocketShutdown.Both);
                connection.Close();
                await answers.RefreshAsync(either.Token).ConfigureAwait(false);
            }
            catch (SocketException e)
            {
                Log.NotAnswered(logger, e.SocketErrorCode);
            }
            catch (OperationCanceledException)
            {
                // Shutdown, or somebody who connected and asked nothing.
            }
        }
    }

    private static async Task<string> ReadLineAsync(Socket connection, CancellationToken cancellationToken)
    {
        var buffer = new byte[LongestQuestionBytes];
        var length = 0;
        while (length < buffer.Length && !buffer.AsSpan(0, length).Contains((byte)'\n'))
        {
            var read = await connection.ReceiveAsync(buffer.AsMemory(length), cancellationToken).ConfigureAwait(false);
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
        public static partial void NotAnswered(ILogger logger, SocketError error);
    }
}
