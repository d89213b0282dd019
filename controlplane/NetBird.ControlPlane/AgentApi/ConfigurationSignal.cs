using NetBird.ControlPlane.Gateways;
using NetBird.ControlPlane.Store;

namespace NetBird.ControlPlane.AgentApi;

/// <summary>Wakes everything that waits for the next change, thousands of streams by one completed task.</summary>
internal sealed class ConfigurationSignal : IDisposable
{
    private readonly IConfigurationStore _store;
    private readonly IGatewayList _gateways;
    private TaskCompletionSource _next = New();

    public ConfigurationSignal(IConfigurationStore store, IGatewayList gateways)
    {
        (_store, _gateways) = (store, gateways);
        store.Changed += Raise;
        gateways.Changed += Raise;
    }

    /// <summary>Completes at the next change. Taken before the configuration is read, so that none is missed.</summary>
    public Task Next => Volatile.Read(ref _next).Task;

    public void Dispose()
    {
        _store.Changed -= Raise;
        _gateways.Changed -= Raise;
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void Raise(Configuration configuration) => Raise();

    private void Raise() => Interlocked.Exchange(ref _next, New()).SetResult();
}
