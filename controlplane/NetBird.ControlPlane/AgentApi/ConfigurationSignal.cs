using NetBird.ControlPlane.Store;

namespace NetBird.ControlPlane.AgentApi;

/// <summary>Wakes everything that waits for the next change, thousands of streams by one completed task.</summary>
internal sealed class ConfigurationSignal : IDisposable
{
    private readonly IConfigurationStore _store;
    private TaskCompletionSource _next = New();

    public ConfigurationSignal(IConfigurationStore store)
    {
        _store = store;
        store.Changed += Raise;
    }

    /// <summary>Completes at the next change. Taken before the configuration is read, so that none is missed.</summary>
    public Task Next => Volatile.Read(ref _next).Task;

    public void Dispose() => _store.Changed -= Raise;

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void Raise(Configuration configuration) => Interlocked.Exchange(ref _next, New()).SetResult();
}
