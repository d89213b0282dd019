using NetBird.Agent.Enrolment;
using NetBird.Protocol.Agent.V1;

namespace NetBird.Agent.Lifecycle;

/// <summary>The person's own figures, kept in memory so that a status line never waits for the network.</summary>
internal sealed class BudgetWatch(AgentSupervisor supervisor, TimeProvider time)
{
    /// <summary>Ours: figures younger than this are not asked for again.</summary>
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(5);

    private volatile BudgetFigures? _last;
    private int _asking;

    public BudgetFigures? Last => _last;

    /// <summary>Why there are none, for people.</summary>
    public static string NoFigures(AgentSnapshot snapshot)
        => snapshot.Reason is { Length: > 0 } reason ? reason : "The control plane has not told the figures yet. Try again.";

    /// <summary>Asks the control plane unless the figures are fresh; keeps what there is when it is not reached.</summary>
    public async Task<BudgetFigures?> RefreshAsync(CancellationToken cancellationToken)
    {
        if (_last is { } last && time.GetUtcNow() - last.AsOf < Fresh)
        {
            return last;
        }

        var snapshot = supervisor.Snapshot;
        if (supervisor.ControlPlane is not { } controlPlane || snapshot.Facts.Login != LoginStanding.Valid || !snapshot.Facts.SyncConnected
            || Interlocked.Exchange(ref _asking, 1) != 0)
        {
            return _last;
        }

        try
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(3), time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
            _last = new BudgetFigures(await controlPlane.GetBudgetAsync(either.Token).ConfigureAwait(false), time.GetUtcNow());
        }
        catch (Exception e) when (e is ControlPlaneException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            // Old figures with their time are better than none; the state tells why they are old.
        }
        finally
        {
            Volatile.Write(ref _asking, 0);
        }

        return _last;
    }
}

/// <summary>Figures with the time they were told.</summary>
internal sealed record BudgetFigures(GetBudgetReply Reply, DateTimeOffset AsOf);
