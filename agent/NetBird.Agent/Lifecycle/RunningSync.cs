using Microsoft.Extensions.Logging;
using NetBird.Agent.Enrolment;

namespace NetBird.Agent.Lifecycle;

/// <summary>The sync loop with the task that runs it; owned by the supervisor.</summary>
internal sealed class RunningSync : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop;
    private readonly Task _task;

    private RunningSync(SyncLoop loop, CancellationTokenSource stop)
    {
        Loop = loop;
        _stop = stop;
        _task = loop.RunAsync(stop.Token);
    }

    public SyncLoop Loop { get; }

    /// <summary>The loop came to an end of its own: the control plane will not have us.</summary>
    public bool Ended => _task.IsCompleted;

    public static RunningSync Start(
        ControlPlaneClient client, Func<string> tunnelKind, Action<AgentEvent> post, TimeProvider time,
        ILoggerFactory logging, CancellationToken cancellationToken)
        => new(
            new SyncLoop(client, tunnelKind, news => post(new AgentEvent.SyncChanged(news)), time, logging.CreateLogger<SyncLoop>()),
            CancellationTokenSource.CreateLinkedTokenSource(cancellationToken));

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _task.ConfigureAwait(false);
        _stop.Dispose();
    }
}
