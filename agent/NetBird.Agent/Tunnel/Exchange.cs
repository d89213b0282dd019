namespace NetBird.Agent.Tunnel;

/// <summary>One request on its way through the tunnel.</summary>
internal sealed class Exchange(Action<Exchange> ended) : IDisposable
{
    private readonly CancellationTokenSource _silent = new();
    private volatile bool _answered;

    /// <summary>Cancelled when the gateway falls silent before it answered, so that the caller can say so.</summary>
    public CancellationToken GatewaySilent => _silent.Token;

    /// <summary>The answer began: from now on a broken connection ends it, and no words can be said any more.</summary>
    public Task Answered()
    {
        _answered = true;
        return Task.CompletedTask;
    }

    public void GiveUp()
    {
        try
        {
            if (!_answered)
            {
                _silent.Cancel();
            }
        }
        catch (ObjectDisposedException)
        {
            // It ended in this very moment.
        }
    }

    public void Dispose()
    {
        ended(this);
        _silent.Dispose();
    }
}
