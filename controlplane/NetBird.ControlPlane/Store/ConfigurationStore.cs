using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Hosting;

namespace NetBird.ControlPlane.Store;

/// <summary>The configuration over a document store: one writer, one version in memory.</summary>
internal sealed partial class ConfigurationStore : IConfigurationStore, IReadiness, IAsyncDisposable
{
    private readonly IDocumentStore _documents;
    private readonly AuditChain _chain;
    private readonly TimeProvider _time;
    private readonly ILogger<ConfigurationStore> _logger;
    private readonly SemaphoreSlim _writer = new(1, 1);
    private readonly CancellationTokenSource _ending = new();

    // Written under _writer, read by anyone: a reference, so a reader sees one version or the next.
    private volatile Configuration _current = Configuration.Empty;
    private AuditHead _auditHead = AuditHead.Empty;
    private Task _following = Task.CompletedTask;

    private ConfigurationStore(
        IDocumentStore documents, AuditChain chain, TimeProvider time, ILogger<ConfigurationStore> logger)
    {
        _documents = documents;
        _chain = chain;
        _time = time;
        _logger = logger;
    }

    // What a write or a look for others' changes last failed with.
    private volatile string? _problem;

    public event Action<ConfigurationChange>? Changed;

    public string Name => "store";

    public string? Problem => _problem;

    public Configuration Current => _current;

    /// <summary>Opens the store, creating what a fresh one needs, and follows what other processes commit.</summary>
    /// <exception cref="StateVersionException">A newer version of this program wrote the store.</exception>
    public static async Task<ConfigurationStore> OpenAsync(
        IDocumentStore documents,
        AuditChain chain,
        TimeProvider time,
        ILogger<ConfigurationStore> logger,
        CancellationToken cancellationToken)
    {
        var store = new ConfigurationStore(documents, chain, time, logger);
        store.TakeLocked(await documents.OpenAsync(cancellationToken)); // nobody else has it yet
        await store.CommitAsync(Actor.System, FirstContents.Ensure, cancellationToken);
        Log.Opened(logger, documents.Description, store.Current.Version);
        store._following = store.FollowAsync();
        return store;
    }

    public async Task<T> CommitAsync<T>(
        Actor actor, Func<ConfigurationDraft, T> change, CancellationToken cancellationToken)
    {
        await _writer.WaitAsync(cancellationToken);
        try
        {
            while (true)
            {
                var draft = new ConfigurationDraft(_current);
                var result = change(draft);
                if (draft.IsAbandoned)
                {
                    return result;
                }

                var batch = BatchLocked(actor, draft);
                if (batch.Changes.Count == 0 && batch.Audit.Count == 0)
                {
                    return result;
                }

                // From here a caller's impatience must not leave it open whether the change happened.
                if (await WriteLockedAsync(batch))
                {
                    _auditHead = batch.Audit is [.., var last] ? new(last.Sequence, last.Hash) : _auditHead;
                    _current = draft.ToConfiguration(_current.Version + 1);
                    AnnounceLocked(draft.ChangeTo(_current));
                    return result;
                }

                AnnounceLocked(TakeLocked(await _documents.ReadSinceAsync(_current.Version, cancellationToken)));
            }
        }
        finally
        {
            _writer.Release();
        }
    }

    /// <summary>Audit entries, newest first, from <paramref name="from"/> downwards.</summary>
    public IAsyncEnumerable<AuditEntry> ReadAuditAsync(long from, bool descending, CancellationToken cancellationToken)
        => _documents.ReadAuditAsync(from, descending, cancellationToken);

    /// <summary>Checks the whole audit log.</summary>
    public Task<AuditVerification> VerifyAuditAsync(CancellationToken cancellationToken)
        => AuditVerification.RunAsync(_documents, _chain, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        await _following;
        await _documents.DisposeAsync();
        _ending.Dispose();
        _writer.Dispose();
    }

    private async Task<bool> WriteLockedAsync(DocumentBatch batch)
    {
        try
        {
            var written = await _documents.TryWriteAsync(_current.Version, batch, CancellationToken.None);
            _problem = null;
            return written;
        }
        catch (IOException fault)
        {
            _problem = fault.Message;
            Log.NotWritten(_logger, fault);
            throw;
        }
    }

    private DocumentBatch BatchLocked(Actor actor, ConfigurationDraft draft)
    {
        var now = _time.GetUtcNow();
        var changes = draft.Changes();
        var head = _auditHead;
        var audit = new List<AuditEntry>();
        foreach (var entry in changes.Where(change => change.Audited).Select(change => AuditDiff.Entry(actor, change, now))
            .Concat(draft.Notes.Select(note => AuditDiff.Entry(actor, note, now))))
        {
            var linked = _chain.Link(entry, head);
            audit.Add(linked);
            head = new(linked.Sequence, linked.Hash);
        }

        return new(changes, audit);
    }

    private ConfigurationChange TakeLocked(StoredState state)
    {
        var before = _current;
        var draft = DocumentKinds.Load(state.Whole ? Configuration.Empty : before, state.Documents);
        _current = draft.ToConfiguration(state.Version);
        _auditHead = state.AuditHead;
        return state.Whole
            ? new(before, _current, before.Peers.Keys.Concat(_current.Peers.Keys).ToHashSet(), before.Users.Keys.Concat(_current.Users.Keys).ToHashSet())
            : draft.ChangeTo(_current);
    }

    private void AnnounceLocked(ConfigurationChange change)
    {
        foreach (var handler in Delegate.EnumerateInvocationList(Changed))
        {
            try
            {
                handler(change);
            }
#pragma warning disable CA1031 // A listener's fault must not undo a commit that is already written.
            catch (Exception fault)
#pragma warning restore CA1031
            {
                Log.ListenerFailed(_logger, fault);
            }
        }
    }

    private async Task FollowAsync()
    {
        var failed = false;
        while (!_ending.IsCancellationRequested)
        {
            try
            {
                // After a failure it is read at once: nobody else may change anything for hours, and until then we would not know that all is well.
                if (!failed)
                {
                    await _documents.WaitForOthersAsync(_ending.Token);
                }

                await _writer.WaitAsync(_ending.Token);
                try
                {
                    var state = await _documents.ReadSinceAsync(_current.Version, _ending.Token);
                    (_problem, failed) = (null, false);
                    if (state.Version > _current.Version)
                    {
                        AnnounceLocked(TakeLocked(state));
                    }
                }
                finally
                {
                    _writer.Release();
                }
            }
            catch (OperationCanceledException) when (_ending.IsCancellationRequested)
            {
                return;
            }
#pragma warning disable CA1031 // Whatever it is, such as a record of a newer version: ended in silence, this node would go on with an old truth.
            catch (Exception fault)
#pragma warning restore CA1031
            {
                (_problem, failed) = (fault.Message, true);
                Log.FollowingFailed(_logger, fault);
                await Task.Delay(TimeSpan.FromSeconds(1), _time, _ending.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Store + 1, LogLevel.Information, "Configuration is in {Store}, version {Version}")]
        public static partial void Opened(ILogger logger, string store, long version);

        [LoggerMessage(EventIds.Store + 2, LogLevel.Error, "A listener to configuration changes failed")]
        public static partial void ListenerFailed(ILogger logger, Exception fault);

        [LoggerMessage(EventIds.Store + 4, LogLevel.Error, "A change of the configuration could not be written")]
        public static partial void NotWritten(ILogger logger, Exception fault);

        [LoggerMessage(EventIds.Store + 3, LogLevel.Warning, "Changes of other processes cannot be read; trying again")]
        public static partial void FollowingFailed(ILogger logger, Exception fault);
    }
}
