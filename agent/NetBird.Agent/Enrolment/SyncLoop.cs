using Microsoft.Extensions.Logging;
using NetBird.Protocol.Agent.V1;

namespace NetBird.Agent.Enrolment;

/// <summary>What the sync stream tells the rest of the agent.</summary>
internal abstract record SyncNews
{
    private SyncNews()
    {
    }

    internal sealed record Map(OverlayMap Value) : SyncNews;

    /// <summary>The stream is up; also sent with each heartbeat.</summary>
    internal sealed record Alive : SyncNews;

    /// <summary>The stream is down and is tried again.</summary>
    internal sealed record Lost(string Reason) : SyncNews;

    /// <summary>The control plane will not have us as we are. Ends the loop, but for a block, which may be lifted.</summary>
    internal sealed record Refused(ControlPlaneProblem Problem, string Reason) : SyncNews;
}

/// <summary>Keeps one sync stream open for as long as it runs, whatever happens to the network.</summary>
internal sealed partial class SyncLoop(
    ControlPlaneClient client, Func<string> tunnelKind, Action<SyncNews> tell, TimeProvider time, ILogger<SyncLoop> logger)
{
    /// <summary>
    /// The control plane sends a heartbeat at least every 30 s (agent.proto); half as much again is silence. Ours sends one every
    /// 25 s: at twice that, the timer that each of them puts off rings beside one, and costs no wake-up of its own.
    /// </summary>
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(50);

    /// <summary>Ours: how often a blocked machine asks whether it still is, where the control plane does not keep its stream.</summary>
    private static readonly TimeSpan WhileBlocked = TimeSpan.FromSeconds(15);

    private readonly Backoff _backoff = new(time);
    private readonly Lock _gate = new();
    private CancellationTokenSource? _attempt;
    private int _refusals;
    private readonly OutageReason _outage = new();

    /// <summary>The network changed: whatever is being waited for, start again now.</summary>
    public void Nudge()
    {
        lock (_gate)
        {
            _backoff.Reset();
            _attempt?.Cancel();
        }
    }

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            using var attempt = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            lock (_gate)
            {
                _attempt = attempt;
            }

            try
            {
                var wait = await AttemptAsync(attempt.Token).ConfigureAwait(false);
                if (wait is null)
                {
                    return;
                }

                await Task.Delay(wait.Value, time, attempt.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                // Ours to end, or a nudge: the loop's condition tells which.
            }
            finally
            {
                lock (_gate)
                {
                    _attempt = null;
                }
            }
        }
    }

    /// <summary>One stream from start to end; how long to wait before the next, null for never.</summary>
    private async Task<TimeSpan?> AttemptAsync(CancellationToken cancellationToken)
    {
        try
        {
            await foreach (var update in client.SyncAsync(MachineFacts.Describe(tunnelKind()), Silence, cancellationToken).ConfigureAwait(false))
            {
                _backoff.Reset();
                _refusals = 0;
                _outage.Over();
                tell(update.UpdateCase switch
                {
                    SyncUpdate.UpdateOneofCase.Map => new SyncNews.Map(OverlayMap.Parse(update.Map, client.Url)),
                    SyncUpdate.UpdateOneofCase.Blocked => new SyncNews.Refused(ControlPlaneProblem.Blocked, update.Blocked.Detail),
                    _ => new SyncNews.Alive(),
                });
            }

            return Lost(ControlPlaneProblem.Unreachable, $"The control plane at {client.Url} closed the connection; it is being reached again.");
        }
        catch (ControlPlaneException e)
        {
            return After(e);
        }
    }

    private TimeSpan? After(ControlPlaneException e)
    {
        switch (e.Problem)
        {
            case ControlPlaneProblem.LoginExpired or ControlPlaneProblem.PeerRemoved:
                Refused(e);
                return null;
            case ControlPlaneProblem.Blocked:
                Refused(e);
                return WhileBlocked;
            case ControlPlaneProblem.Refused when ++_refusals >= 2:
                // Once may be a nonce that ran out or a control plane with a new key, which is asked for again.
                Refused(e);
                return null;
            default:
                return Lost(e.Problem, e.Message);
        }
    }

    private void Refused(ControlPlaneException e)
    {
        Said(e.Problem, e.Message);
        tell(new SyncNews.Refused(e.Problem, e.Message));
    }

    private TimeSpan Lost(ControlPlaneProblem problem, string reason)
    {
        tell(new SyncNews.Lost(Said(problem, reason)));
        return _backoff.Next();
    }

    /// <summary>An outage of hours is tried again thousands of times, and is one line of the log.</summary>
    private string Said(ControlPlaneProblem problem, string reason)
    {
        var told = _outage.Tell(reason, out var isNews);
        if (isNews)
        {
            Log.StreamEnded(logger, problem, told);
        }

        return told;
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Enrolment + 1, LogLevel.Information, "The sync stream ends ({Problem}): {Reason}")]
        public static partial void StreamEnded(ILogger logger, ControlPlaneProblem problem, string reason);
    }
}
