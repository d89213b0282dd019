using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging;
using NetBird.Agent.Endpoint;
using NetBird.Agent.Lifecycle;
using NetBird.Agent.Store;

namespace NetBird.Agent.DaemonApi;

/// <summary>
/// One line of text to whoever connects, from memory. <c>statusline</c> runs at every prompt of Claude Code and must
/// not load a gRPC client, which alone takes longer than it has.
/// </summary>
internal sealed partial class StatusLineServer(
    StateDirectory state, AgentSupervisor supervisor, BudgetWatch budget, EndpointOwner owner, ILogger<StatusLineServer> logger)
{
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        File.Delete(state.StatusLineSocket);
        listener.Bind(new UnixDomainSocketEndPoint(state.StatusLineSocket));
        state.OpenSocket(state.StatusLineSocket);
        listener.Listen(16);
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                using var connection = await listener.AcceptAsync(cancellationToken).ConfigureAwait(false);
                if (!OperatingSystem.IsLinux() || owner.GuardWithRoot.Allows(SocketOwner.Of(connection)))
                {
                    await connection.SendAsync(Encoding.UTF8.GetBytes(Line() + "\n"), cancellationToken).ConfigureAwait(false);
                }

                connection.Close();

                // For the next prompt; this one has its answer.
                await budget.RefreshAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                break;
            }
            catch (SocketException e)
            {
                Log.NotSent(logger, e.SocketErrorCode);
            }
        }

        File.Delete(state.StatusLineSocket);
    }

    /// <summary>Who, model, spent, left in the tightest cap; or what is wrong.</summary>
    internal string Line()
    {
        var snapshot = supervisor.Snapshot;
        if (snapshot.Refusal is not null)
        {
            return "netbird: " + snapshot.Reason;
        }

        return StatusLine.Compose(snapshot.Facts.Map?.UserName ?? "", budget.Last?.Reply);
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.DaemonApi + 1, LogLevel.Debug, "A status line is not sent: {Error}")]
        public static partial void NotSent(ILogger logger, SocketError error);
    }
}
