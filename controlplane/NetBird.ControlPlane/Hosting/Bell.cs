namespace NetBird.ControlPlane.Hosting;

/// <summary>Wakes a background job that has nothing to do, so that it need not look every second for as long as nobody calls.</summary>
internal sealed class Bell(TimeProvider time)
{
    private TaskCompletionSource _rung = New();

    /// <summary>There is work.</summary>
    public void Ring() => Volatile.Read(ref _rung).TrySetResult();

    /// <summary>Until it rings or has rung since the last time, or <paramref name="atMost"/> has passed; the caller then looks for work.</summary>
    public async Task WaitAsync(TimeSpan atMost, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await Task.WhenAny(_rung.Task, Task.Delay(atMost, time, limit.Token));
        await limit.CancelAsync();
        cancellationToken.ThrowIfCancellationRequested();

        // What rings from here on is heard the next time; what rang before, the caller finds.
        Interlocked.Exchange(ref _rung, New());
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
