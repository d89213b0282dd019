using NetBird.Agent.Enrolment;
using NetBird.Agent.Store;
using NetBird.Protocol.Agent.V1;

namespace NetBird.Agent.Lifecycle;

/// <summary>The person's own figures, kept in memory so that a status line never waits for the network.</summary>
internal sealed class BudgetWatch(AgentSupervisor supervisor, AgentStore store, TimeProvider time)
{
    /// <summary>Ours: figures younger than this are not asked for again.</summary>
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(5);

    private volatile BudgetFigures? _last;
    private readonly Lock _lock = new();
    private Task? _asking;

    /// <summary>What was told last; null when that was of somebody else's login.</summary>
    public BudgetFigures? Last => _last is { } last && last.Whose == Whose ? last : null;

    /// <summary>One machine may be logged in as one person and then as another.</summary>
    private string? Whose => store.Enrolment is { } enrolment ? $"{enrolment.PeerId} {enrolment.UserName}" : null;

    /// <summary>Why there are none, for people.</summary>
    public static string NoFigures(AgentSnapshot snapshot)
        => snapshot.Reason is { Length: > 0 } reason ? reason : "The control plane has not told the figures yet. Try again.";

    /// <summary>Asks the control plane unless the figures are fresh; keeps what there is when it is not reached.</summary>
    public async Task<BudgetFigures?> RefreshAsync(CancellationToken cancellationToken)
    {
        if (Last is { } last && time.GetUtcNow() - last.AsOf < Fresh)
        {
            return last;
        }

        var snapshot = supervisor.Snapshot;
        if (supervisor.ControlPlane is not { } controlPlane || Whose is not { } whose || snapshot.Facts.Login != LoginStanding.Valid || !snapshot.Facts.SyncConnected)
        {
            return Last;
        }

        // Whoever comes while a question is out waits for its answer: a status line asks at every prompt, and what is from before it is old.
        Task asking;
        lock (_lock)
        {
            asking = _asking is { IsCompleted: false } running ? running : _asking = AskAsync(controlPlane, whose);
        }

        await asking.WaitAsync(cancellationToken).ConfigureAwait(false);
        return Last;
    }

    /// <summary>Ends by itself within 3 s, whoever still waits for it.</summary>
    private async Task AskAsync(ControlPlaneClient controlPlane, string whose)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(3), time);
        try
        {
            _last = new BudgetFigures(await controlPlane.GetBudgetAsync(patience.Token).ConfigureAwait(false), whose, time.GetUtcNow());
        }
        catch (Exception e) when (e is ControlPlaneException or OperationCanceledException)
        {
            // Old figures with their time are better than none; the state tells why they are old.
        }
    }
}

/// <summary>Figures with whose they are and the time they were told.</summary>
internal sealed record BudgetFigures(GetBudgetReply Reply, string Whose, DateTimeOffset AsOf);
