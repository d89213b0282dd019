using System.Threading.Tasks.Sources;

namespace NetBird.WireGuard.NetStack;

/// <summary>
/// Lets one caller wait for an event without allocating. Members that end in Locked are called with
/// <paramref name="gate"/> held; the waiter continues on the thread pool, never under the lock.
/// </summary>
internal sealed class Wakeup(Lock gate) : IValueTaskSource
{
    private ManualResetValueTaskSourceCore<bool> _core = new() { RunContinuationsAsynchronously = true };
    private bool _isWaiting;
    private CancellationToken _token;
    private CancellationTokenRegistration _registration;

    /// <exception cref="InvalidOperationException">Somebody waits already.</exception>
    public ValueTask WaitLocked(CancellationToken cancellationToken)
    {
        if (_isWaiting)
        {
            throw new InvalidOperationException("A stream takes one read and one write at a time.");
        }

        cancellationToken.ThrowIfCancellationRequested();
        _core.Reset();
        _isWaiting = true;
        _token = cancellationToken;
        var task = new ValueTask(this, _core.Version);
        _registration = cancellationToken.UnsafeRegister(
            static (state, token) => ((Wakeup)state!).Cancel(token), this);
        return task;
    }

    public void SignalLocked()
    {
        if (_isWaiting)
        {
            _isWaiting = false;

            // Not Dispose: it would wait for a callback that waits for our lock.
            _registration.Unregister();
            _registration = default;
            _core.SetResult(true);
        }
    }

    void IValueTaskSource.GetResult(short token) => _core.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
        => _core.OnCompleted(continuation, state, token, flags);

    private void Cancel(CancellationToken token)
    {
        lock (gate)
        {
            if (_isWaiting && _token == token)
            {
                _isWaiting = false;
                _core.SetException(new OperationCanceledException(token));
            }
        }
    }
}
