using System.Collections.Concurrent;
using NetBird.ControlPlane.Gateways;
using NetBird.ControlPlane.Store;
using NetBird.Primitives;

namespace NetBird.ControlPlane.AgentApi;

/// <summary>
/// Wakes the streams of the machines that a change may concern: its own and its person's at once, everybody for what is
/// common to all. A burst of changes that are common to all (an IdP pushing its groups) wakes everybody once in a while.
/// </summary>
internal sealed class ConfigurationSignal : IDisposable
{
    /// <summary>Ours: nobody sees it, and thousands of agents look at a burst a few times instead of at every change of it.</summary>
    public static readonly TimeSpan BetweenCalls = TimeSpan.FromMilliseconds(200);

    private readonly IConfigurationStore _store;
    private readonly IGatewayList _gateways;
    private readonly TimeProvider _time;
    private readonly ITimer _later;
    private readonly ConcurrentDictionary<Listener, bool> _listeners = new();
    private readonly Lock _lock = new();
    private long? _calledAll;
    private bool _callsLater;

    public ConfigurationSignal(IConfigurationStore store, IGatewayList gateways, TimeProvider time)
    {
        (_store, _gateways, _time) = (store, gateways, time);
        _later = time.CreateTimer(_ => CallAll(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        store.Changed += Take;
        gateways.Changed += CallAllSoon;
    }

    /// <summary>Listens for what concerns a machine; dispose it when nobody does any more.</summary>
    public Listener Listen(PeerId peer)
    {
        var listener = new Listener(this, peer);
        _listeners[listener] = true;
        return listener;
    }

    public void Dispose()
    {
        _store.Changed -= Take;
        _gateways.Changed -= CallAllSoon;
        _later.Dispose();
    }

    private void Take(ConfigurationChange change)
    {
        var common = change.Groups
            || change.Before.Settings != change.Now.Settings
            || !ReferenceEquals(change.Before.Gateways, change.Now.Gateways);
        if (change.Peers.Count + change.Users.Count > 0)
        {
            foreach (var (listener, _) in _listeners)
            {
                if (change.Peers.Contains(listener.Peer)
                    || (change.Users.Count > 0 && change.Now.Peers.TryGetValue(listener.Peer, out var peer) && change.Users.Contains(peer.User)))
                {
                    listener.Call();
                }
            }
        }

        if (common)
        {
            CallAllSoon();
        }
    }

    private void CallAllSoon()
    {
        lock (_lock)
        {
            var wait = _calledAll is { } last ? BetweenCalls - _time.GetElapsedTime(last) : TimeSpan.Zero;
            if (wait > TimeSpan.Zero)
            {
                if (!_callsLater)
                {
                    _callsLater = true;
                    _later.Change(wait, Timeout.InfiniteTimeSpan);
                }

                return;
            }
        }

        CallAll();
    }

    private void CallAll()
    {
        lock (_lock)
        {
            (_calledAll, _callsLater) = (_time.GetTimestamp(), false);
        }

        foreach (var (listener, _) in _listeners)
        {
            listener.Call();
        }
    }

    /// <summary>What one stream waits on.</summary>
    internal sealed class Listener(ConfigurationSignal owner, PeerId peer) : IDisposable
    {
        private TaskCompletionSource _next = New();

        public PeerId Peer => peer;

        /// <summary>Completes at the next change. Taken before the configuration is read, so that none is missed.</summary>
        public Task Next
        {
            get
            {
                var next = Volatile.Read(ref _next);
                if (!next.Task.IsCompleted)
                {
                    return next.Task;
                }

                var fresh = New();
                return (Interlocked.CompareExchange(ref _next, fresh, next) == next ? fresh : Volatile.Read(ref _next)).Task;
            }
        }

        public void Dispose() => owner._listeners.TryRemove(this, out _);

        internal void Call() => Volatile.Read(ref _next).TrySetResult();

        private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
