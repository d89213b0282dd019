using System.Collections.Concurrent;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Dashboard.Viewing;
using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Users;

namespace NetBird.ControlPlane.Identity.Web;

/// <summary>
/// Sessions at the pages and at the embedded IdP that were signed out before their time. They stand in the configuration, so that each
/// node knows them and a restart forgets none, until they would have ended by themselves.
/// </summary>
internal sealed partial class EndedSessions : BackgroundService
{
    /// <summary>Ours: nobody waits for either.</summary>
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    private readonly IConfigurationStore _store;
    private readonly TimeProvider _time;
    private readonly ILogger<EndedSessions> _logger;

    // Signed out while the store could not be written: they have ended here, and go to the others with the next round that can.
    private readonly ConcurrentDictionary<SessionId, ViewerSession> _unwritten = new();

    public EndedSessions(IConfigurationStore store, TimeProvider time, ILogger<EndedSessions> logger)
    {
        (_store, _time, _logger) = (store, time, logger);
        store.Changed += Take;
    }

    /// <summary>Told of a session that was signed out, here or at another node. Handlers return quickly.</summary>
    public event Action<SessionId>? Ended;

    public bool Has(SessionId session) => _store.Current.EndedSessions.ContainsKey(session) || _unwritten.ContainsKey(session);

    /// <summary>Ends sessions of a person, with one entry in the audit log. Succeeds whatever the store does.</summary>
    public async Task EndAsync(User user, string address, params IReadOnlyList<ViewerSession> sessions)
    {
        try
        {
            await _store.CommitAsync(
                Actor.Of(user, address: address),
                draft =>
                {
                    Put(draft, sessions);
                    draft.Note(new(AuditActions.UserLogout, "user", user.Id.Value, user.DisplayName()));
                    return true;
                },
                CancellationToken.None); // the browser may be gone already
        }
        catch (IOException fault)
        {
            Log.NotWritten(_logger, fault);
            foreach (var session in sessions)
            {
                _unwritten[session.Id] = session;
                Ended?.Invoke(session.Id);
            }
        }
    }

    /// <summary>One round: writes what could not be written, forgets what is over by itself.</summary>
    public async Task RunOnceAsync(CancellationToken cancellationToken)
    {
        var now = _time.GetUtcNow();
        var late = _unwritten.Values.ToList();
        if (late.Count == 0 && !_store.Current.EndedSessions.Values.Any(session => session.Until <= now))
        {
            return;
        }

        await _store.CommitAsync(
            Actor.System,
            draft =>
            {
                Put(draft, late.Where(session => session.Until > now));
                foreach (var over in draft.EndedSessions.All.Where(session => session.Until <= now).ToList())
                {
                    draft.EndedSessions.Remove(over.Id, audited: false);
                }

                return true;
            },
            cancellationToken);
        late.ForEach(session => _unwritten.TryRemove(session.Id, out _));
    }

    public override void Dispose()
    {
        _store.Changed -= Take;
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, _time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await RunOnceAsync(stoppingToken);
            }
            catch (Exception fault) when (!stoppingToken.Ends(fault))
            {
                Log.NotWritten(_logger, fault);
            }
        }
    }

    private static void Put(ConfigurationDraft draft, IEnumerable<ViewerSession> sessions)
    {
        foreach (var session in sessions)
        {
            draft.EndedSessions.Put(new() { Id = session.Id, Until = session.Until }, audited: false);
        }
    }

    private void Take(ConfigurationChange change)
    {
        if (ReferenceEquals(change.Before.EndedSessions, change.Now.EndedSessions))
        {
            return;
        }

        foreach (var session in change.Now.EndedSessions.Keys.Where(id => !change.Before.EndedSessions.ContainsKey(id)))
        {
            Ended?.Invoke(session);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Identity + 30, LogLevel.Warning, "Sessions that were signed out cannot be written, and go on at other nodes; tried again in a minute")]
        public static partial void NotWritten(ILogger logger, Exception fault);
    }
}
