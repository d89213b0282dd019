namespace NetBird.Agent.DaemonApi;

/// <summary>Lets a call end the daemon that serves it.</summary>
internal sealed class DaemonLife(bool endsWithDown) : IDisposable
{
    /// <summary>Ours: long enough for the reply to leave.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromMilliseconds(150);

    private readonly CancellationTokenSource _stop = new();

    public CancellationToken Stopping => _stop.Token;

    public void StopAfterReply() => _stop.CancelAfter(Grace);

    /// <summary>True for a daemon that <c>up</c> started; a service stays when the tunnel goes down.</summary>
    public bool EndsWithDown => endsWithDown;

    public void Dispose() => _stop.Dispose();
}
