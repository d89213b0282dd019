namespace NetBird.Agent.DaemonApi;

/// <summary>Lets a call end the daemon that serves it.</summary>
internal sealed class DaemonLife(bool endsWithDown) : IDisposable
{
    /// <summary>Ours: long enough for the reply to leave.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromMilliseconds(150);

    private readonly CancellationTokenSource _stop = new();
    private volatile bool _claimed;

    public CancellationToken Stopping => _stop.Token;

    public void StopAfterReply() => _stop.CancelAfter(Grace);

    /// <summary>True for a daemon that <c>up</c> started; a service stays when the tunnel goes down.</summary>
    public bool EndsWithDown => endsWithDown;

    /// <summary>Whether the command that it was started for, or another, has come.</summary>
    public bool IsClaimed => _claimed;

    /// <summary>Somebody wants something of it that lasts.</summary>
    public void Claim() => _claimed = true;

    public void Dispose() => _stop.Dispose();
}
