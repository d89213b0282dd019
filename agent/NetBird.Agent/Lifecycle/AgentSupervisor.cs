using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using NetBird.Agent.Enrolment;
using NetBird.Agent.Lifecycle.States;
using NetBird.Agent.Store;
using NetBird.Agent.Tunnel;
using NetBird.WireGuard;

namespace NetBird.Agent.Lifecycle;

/// <summary>
/// The one loop that changes state. Events arrive in a channel, change the facts, and the facts lead to a state; the
/// sync stream and the tunnel are then started or stopped to fit it. Nothing else starts or stops them.
/// </summary>
internal sealed partial class AgentSupervisor : IAsyncDisposable
{
    private readonly AgentStore _store;
    private readonly PrivateKey _key;
    private readonly TunnelSupervisor _tunnel;
    private readonly IdleMemory _memory;
    private readonly LoginRenewal _renewal;
    private readonly TimeProvider _time;
    private readonly ILoggerFactory _logging;
    private readonly ILogger<AgentSupervisor> _logger;
    private readonly Channel<AgentEvent> _events = Channel.CreateUnbounded<AgentEvent>(new UnboundedChannelOptions { SingleReader = true });
    private readonly NetworkWatch _network;
    private readonly ITimer _ticker;
    private readonly Lock _watchers = new();
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile AgentSnapshot _snapshot;
    private RunningSync? _sync;
    private volatile ControlPlaneClient? _controlPlane;
    private Task _probe = Task.CompletedTask;
    private DateTimeOffset _lastGreeting;

    public AgentSupervisor(
        AgentStore store, PrivateKey key, TunnelSupervisor tunnel, IdleMemory memory, TimeProvider time, ILoggerFactory logging)
    {
        _store = store;
        _key = key;
        _tunnel = tunnel;
        _memory = memory;
        _time = time;
        _logging = logging;
        _logger = logging.CreateLogger<AgentSupervisor>();
        _renewal = new LoginRenewal(store, Post, time, logging.CreateLogger<LoginRenewal>());
        var settings = store.Settings;
        _snapshot = new AgentSnapshot(AgentState.LoggedOut, new AgentFacts
        {
            WantUp = settings.WantUp,
            ManagementUrl = settings.ManagementUrl,
            Login = store.Enrolment is null ? LoginStanding.None : LoginStanding.Valid,
            LoginExpiresAt = store.Enrolment?.LoginExpiresAt,
            Now = time.GetUtcNow(),
        });
        _network = new NetworkWatch(time, () => tunnel.Report().InterfaceName, () => Post(new AgentEvent.NetworkMoved()), () => Post(new AgentEvent.Tick()));
        _ticker = time.CreateTimer(_ => Post(new AgentEvent.Tick()), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public AgentSnapshot Snapshot => _snapshot;

    /// <summary>The client of the control plane in use; null before the first <c>up</c>.</summary>
    public ControlPlaneClient? ControlPlane => _controlPlane;

    public void Post(AgentEvent happened) => _events.Writer.TryWrite(happened);

    /// <summary>Settings or enrolment were saved; takes them up.</summary>
    public void StoreChanged(bool freshLogin) => Post(new AgentEvent.StoreChanged(_store.Settings, _store.Enrolment, freshLogin));

    /// <summary>Completes at the next change of the snapshot.</summary>
    public Task NextChangeAsync(CancellationToken cancellationToken)
    {
        lock (_watchers)
        {
            return _changed.Task.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Completes when every event posted before the call was handled.</summary>
    public Task CaughtUpAsync(CancellationToken cancellationToken)
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Post(new AgentEvent.Marker(reached));
        return reached.Task.WaitAsync(cancellationToken);
    }

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        StoreChanged(freshLogin: false);
        try
        {
            await foreach (var happened in _events.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false))
            {
                if (happened is AgentEvent.Marker marker)
                {
                    marker.Reached.TrySetResult();
                    continue;
                }

                await HandleAsync(happened, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Shutdown.
        }
        finally
        {
            await StopSyncAsync().ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _network.Dispose();
        await _ticker.DisposeAsync().ConfigureAwait(false);
        await _renewal.DisposeAsync().ConfigureAwait(false);
        await _probe.ConfigureAwait(false);
        _controlPlane?.Dispose();
    }

    private async Task HandleAsync(AgentEvent happened, CancellationToken cancellationToken)
    {
        var before = _snapshot;
        var facts = Digest(before.Facts, happened) with { Now = _time.GetUtcNow() };
        if (_network.Woke() || happened is AgentEvent.NetworkMoved)
        {
            Log.NetworkMoved(_logger);
            _sync?.Loop.Nudge();
            await _tunnel.NetworkChangedAsync(cancellationToken).ConfigureAwait(false);
            StartProbe(cancellationToken);
        }

        var state = before.State;
        for (var next = state.Next(facts); next != state; next = state.Next(facts))
        {
            state = next;
        }

        facts = await FitAsync(state, facts, happened, cancellationToken).ConfigureAwait(false);
        for (var next = state.Next(facts); next != state; next = state.Next(facts))
        {
            state = next;
        }

        Publish(new AgentSnapshot(state, facts), before);
        _renewal.Consider(_controlPlane, facts, asked: happened is AgentEvent.Asked or AgentEvent.NetworkMoved);
        var pace = Pace(state);
        _memory.Passing();
        _ticker.Change(_renewal.DueIn(facts.Now) is { } due && due < pace ? due : pace, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Starts or stops what the state needs; the facts after that.</summary>
    private async Task<AgentFacts> FitAsync(
        AgentState state, AgentFacts facts, AgentEvent happened, CancellationToken cancellationToken)
    {
        if (!state.Syncs(facts))
        {
            await StopSyncAsync().ConfigureAwait(false);
            facts = facts with { SyncConnected = false, SyncProblem = null, Map = state.Tunnels ? facts.Map : null };
        }
        else if (_sync is null || _sync.Ended || happened is AgentEvent.StoreChanged { FreshLogin: true })
        {
            await StopSyncAsync().ConfigureAwait(false);
            StartSync(cancellationToken);
        }

        if (!state.Tunnels)
        {
            await _tunnel.CloseAsync(cancellationToken).ConfigureAwait(false);
        }
        else if (facts.Map is { Addresses.Count: > 0 } map
            && (happened is AgentEvent.SyncChanged { News: SyncNews.Map } or AgentEvent.StoreChanged || (happened is AgentEvent.Tick && !facts.TunnelOpen)))
        {
            await _tunnel.ApplyAsync(map, _store.Settings, cancellationToken).ConfigureAwait(false);
            StartProbe(cancellationToken);
        }

        return Observe(facts, cancellationToken);
    }

    /// <summary>Adds what the tunnel says, and greets a silent gateway again.</summary>
    private AgentFacts Observe(AgentFacts facts, CancellationToken cancellationToken)
    {
        var report = _tunnel.Report();
        var silentSince = report is { IsOpen: true, AnyAnswers: false } ? facts.SilentSince ?? facts.Now : (DateTimeOffset?)null;
        if (silentSince is not null && facts.Now - _lastGreeting >= TimeSpan.FromSeconds(2))
        {
            _lastGreeting = facts.Now;
            StartProbe(cancellationToken);
        }

        return facts with
        {
            TunnelOpen = report.IsOpen,
            TunnelProblem = report.Problem,
            GatewayAnswers = report.AnyAnswers,
            GatewayHangs = report.Hangs,
            SilentSince = silentSince,
        };
    }

    private void StartProbe(CancellationToken cancellationToken)
    {
        if (_probe.IsCompleted)
        {
            _probe = ProbeAsync(cancellationToken);
        }
    }

    private async Task ProbeAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _tunnel.ProbeAsync(cancellationToken).ConfigureAwait(false);
            Post(new AgentEvent.Tick());
        }
        catch (OperationCanceledException)
        {
            // Shutdown.
        }
    }

    private void StartSync(CancellationToken cancellationToken)
    {
        var url = ManagementUrl.TryParse(_store.Settings.ManagementUrl ?? "", out _);
        if (url is null)
        {
            return;
        }

        _sync = RunningSync.Start(ClientFor(url), () => _tunnel.Kind(_store.Settings), Post, _time, _logging, cancellationToken);
    }

    /// <summary>One client for one URL.</summary>
    public ControlPlaneClient ClientFor(Uri url)
    {
        var current = _controlPlane;
        if (current is null || current.Url != url)
        {
            current?.Dispose();
            _controlPlane = current = NewClient(url);
        }

        return current;
    }

    /// <summary>A client that is its caller's own, for a control plane that is not the one in use.</summary>
    public ControlPlaneClient NewClient(Uri url) => new(url, _key, _time);

    private async Task StopSyncAsync()
    {
        if (_sync is { } running)
        {
            _sync = null;
            await running.DisposeAsync().ConfigureAwait(false);
        }
    }

    private void Publish(AgentSnapshot snapshot, AgentSnapshot before)
    {
        var says = snapshot.Reason;
        if (snapshot.State != before.State)
        {
            Log.StateChanged(_logger, before.State.Name, snapshot.State.Name, says);
        }
        else if (says.Length != 0 && says != before.Reason)
        {
            Log.ReasonChanged(_logger, snapshot.State.Name, says);
        }

        _snapshot = snapshot;

        // Time alone changes what there is to say, such as that a login ends soon.
        if (snapshot.State == before.State && says == before.Reason && snapshot.Facts with { Now = default } == before.Facts with { Now = default })
        {
            return;
        }

        lock (_watchers)
        {
            _changed.TrySetResult();
            _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    /// <summary>
    /// How soon to look again: seldom when all is well, since every look wakes the machine. The sync stream's own
    /// heartbeat is a look as well; where the system tells of a sleep, it is the only one (50 s: see SyncLoop.Silence).
    /// </summary>
    private TimeSpan Pace(AgentState state)
        => state == AgentState.Connected ? TimeSpan.FromSeconds(_network.IsToldOfSleep ? 50 : 15)
            : state.Tunnels ? TimeSpan.FromSeconds(1)
            : TimeSpan.FromMinutes(1);

    private static partial class Log
    {
        [LoggerMessage(EventIds.Lifecycle + 3, LogLevel.Information, "Still {State}. {Reason}")]
        public static partial void ReasonChanged(ILogger logger, string state, string reason);

        [LoggerMessage(EventIds.Lifecycle + 1, LogLevel.Information, "State {Before} -> {After}. {Reason}")]
        public static partial void StateChanged(ILogger logger, string before, string after, string reason);

        [LoggerMessage(EventIds.Lifecycle + 2, LogLevel.Information, "The network changed or the machine woke; reconnecting")]
        public static partial void NetworkMoved(ILogger logger);
    }
}
