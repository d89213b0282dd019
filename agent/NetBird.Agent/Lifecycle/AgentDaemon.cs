using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using NetBird.Agent.DaemonApi;
using NetBird.Agent.Endpoint;
using NetBird.Agent.Endpoint.Https;
using NetBird.Agent.Store;
using NetBird.Agent.Store.Keyring;
using NetBird.Agent.Tunnel;

namespace NetBird.Agent.Lifecycle;

/// <summary>The daemon, put together: state, tunnel, supervisor, endpoint, and the socket that the CLI asks on.</summary>
internal sealed partial class AgentDaemon : IAsyncDisposable
{
    /// <summary>Ours: twice as long as a command waits for the daemon that it started.</summary>
    private static readonly TimeSpan Unclaimed = TimeSpan.FromMinutes(1);

    private readonly ServiceProvider _services;
    private readonly StateDirectory _state;
    private readonly AccountId? _owner;
    private readonly ILogger<AgentDaemon> _logger;

    public AgentDaemon(StateDirectory state, InstanceLock instance, bool endsWithDown, AccountId? owner, TimeProvider time, Action<ILoggingBuilder> logging)
    {
        _state = state;
        _owner = owner;
        var services = new ServiceCollection();
        services.AddLogging(logging);
        services.AddSingleton(state);
        services.AddSingleton(instance);
        services.AddSingleton(time);
        services.AddSingleton<TokenKeyring>();
        services.AddSingleton(provider => AgentStore.Open(state, provider.GetRequiredService<TokenKeyring>(), time, provider.GetRequiredService<ILogger<AgentStore>>()));
        services.AddSingleton(_ => KeyFile.LoadOrCreate(state));
        services.AddSingleton<IdleMemory>();
        services.AddSingleton<TunnelSupervisor>();
        services.AddSingleton<AgentSupervisor>();
        services.AddSingleton<EndpointOwner>();
        services.AddSingleton<EndpointHandler>();
        services.AddSingleton<EndpointServer>();
        services.AddSingleton<HttpsEndpoint>();
        services.AddSingleton<LoginProcedure>();
        services.AddSingleton<LogoutProcedure>();
        services.AddSingleton<BudgetWatch>();
        services.AddSingleton<StatusComposer>();
        services.AddSingleton<QuickAnswers>();
        services.AddSingleton<QuickServer>();
        services.AddSingleton(_ => new DaemonLife(endsWithDown));
        services.AddSingleton<DaemonApiService>();
        services.AddSingleton<DaemonApiServer>();
        _services = services.BuildServiceProvider();
        _logger = _services.GetRequiredService<ILogger<AgentDaemon>>();
    }

    /// <summary>Runs until it is told to stop or <paramref name="cancellationToken"/> ends it.</summary>
    /// <param name="ready">Called once the CLI can connect.</param>
    public async Task RunAsync(Func<Task> ready, CancellationToken cancellationToken)
    {
        var life = _services.GetRequiredService<DaemonLife>();
        var supervisor = _services.GetRequiredService<AgentSupervisor>();
        var endpoint = _services.GetRequiredService<EndpointServer>();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, life.Stopping);
        var store = _services.GetRequiredService<AgentStore>();
        if (_owner is { } owner && owner != store.Settings.Owner)
        {
            store.Save(store.Settings with { Owner = owner });
        }

        _state.PublishOwner(_services.GetRequiredService<EndpointOwner>().Account);
        var settings = store.Settings;
        if (!life.EndsWithDown || settings.ManagementUrl is not null)
        {
            // A first 'up' says in a moment where to listen; until then the default port stays free.
            supervisor.Post(new AgentEvent.EndpointChanged(await endpoint.ListenAsync(settings.Endpoint, stop.Token).ConfigureAwait(false)));
        }

        var running = supervisor.RunAsync(stop.Token);
        var https = _services.GetRequiredService<HttpsEndpoint>().RunAsync(stop.Token);
        var api = _services.GetRequiredService<DaemonApiServer>();
        await api.StartAsync(stop.Token).ConfigureAwait(false);
        var lines = _services.GetRequiredService<QuickServer>().RunAsync(stop.Token);
        var memory = _services.GetRequiredService<IdleMemory>().RunAsync(stop.Token);
        var leftOver = EndIfLeftOverAsync(life, store, stop.Token);
        var token = store.FetchTokenAsync(
            problem =>
            {
                if (problem is null)
                {
                    supervisor.StoreChanged(freshLogin: false);
                }
                else
                {
                    supervisor.Post(new AgentEvent.RenewalEnded(problem, null));
                }
            },
            stop.Token);
        Log.Running(_logger, Environment.ProcessId, _state.Path);
        await ready().ConfigureAwait(false);
        try
        {
            await running.ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // The process ends with it, and a daemon that left its terminal has nowhere else to say so.
            Log.Fell(_logger, e);
            throw;
        }

        await lines.ConfigureAwait(false);
        await https.ConfigureAwait(false);
        await memory.ConfigureAwait(false);
        await leftOver.ConfigureAwait(false);
        await token.ConfigureAwait(false);
        await api.DisposeAsync().ConfigureAwait(false);
        Log.Stopped(_logger);
    }

    public ValueTask DisposeAsync() => _services.DisposeAsync();

    /// <summary>
    /// A command that was interrupted while its daemon started leaves one that nobody asked for, and that would stand in the way of the
    /// machine's service.
    /// </summary>
    private async Task EndIfLeftOverAsync(DaemonLife life, AgentStore store, CancellationToken cancellationToken)
    {
        try
        {
            await Task.Delay(Unclaimed, _services.GetRequiredService<TimeProvider>(), cancellationToken).ConfigureAwait(false);
            if (life.EndsWithDown && !life.IsClaimed && !store.Settings.WantUp)
            {
                Log.LeftOver(_logger);
                life.StopAfterReply();
            }
        }
        catch (OperationCanceledException)
        {
            // Shutdown.
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Lifecycle + 21, LogLevel.Information, "The daemon runs as process {ProcessId} with its state in {State}")]
        public static partial void Running(ILogger logger, int processId, string state);

        [LoggerMessage(EventIds.Lifecycle + 23, LogLevel.Critical, "The daemon ends by a fault of its own")]
        public static partial void Fell(ILogger logger, Exception error);

        [LoggerMessage(EventIds.Lifecycle + 24, LogLevel.Information, "The command that this daemon was started for did not come")]
        public static partial void LeftOver(ILogger logger);

        [LoggerMessage(EventIds.Lifecycle + 22, LogLevel.Information, "The daemon stops")]
        public static partial void Stopped(ILogger logger);
    }
}
