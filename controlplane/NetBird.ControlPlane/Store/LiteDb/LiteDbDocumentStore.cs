using System.Runtime.CompilerServices;
using System.Text.Json;
using LiteDB;
using NetBird.ControlPlane.Audit;
using JsonSerializer = System.Text.Json.JsonSerializer;

namespace NetBird.ControlPlane.Store.LiteDb;

/// <summary>
/// The embedded store: one file, one process. LiteDB is synchronous and fast for what a commit of the configuration
/// touches, so the calls run where they are made, under one lock (its transactions belong to a thread).
/// </summary>
internal sealed class LiteDbDocumentStore(string path, IReadOnlyList<Action<LiteDatabase>>? migrations = null) : IDocumentStore
{
    /// <summary>Migration N, counted from 0, makes format N + 2 of N + 1. Append only.</summary>
    public static readonly IReadOnlyList<Action<LiteDatabase>> Migrations =
    [
        // Changes nothing here: from format 2 on the keys beside the file are sealed, and a version that does not know that would make new ones.
        _ => { },

        // Nor this: from format 3 on there are ended sessions, a kind that an earlier version does not know.
        _ => { },
    ];

    private const string Meta = "meta";
    private const string Documents = "documents";
    private const string Audit = "audit";
    private const int AuditPage = 500;

    private readonly Lock _lock = new();
    private readonly IReadOnlyList<Action<LiteDatabase>> _migrations = migrations ?? Migrations;
    private LiteDatabase? _database;

    public string Description => $"LiteDB file {path}";

    private LiteDatabase Database => _database ?? throw new InvalidOperationException("The store is not open.");

    public Task<StoredState> OpenAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            _database = LiteDbFile.Open(path);
            var meta = Database.GetCollection(Meta).FindById(Meta);
            if (meta is null)
            {
                Database.GetCollection(Meta).Insert(MetaDocument(version: 0, AuditHead.Empty));
                Database.Checkpoint();
            }
            else
            {
                MigrateLocked(meta["format"].AsInt32);
            }

            return Task.FromResult(ReadLocked());
        }
    }

    public Task<StoredState> ReadAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            return Task.FromResult(ReadLocked());
        }
    }

    public Task<StoredState> ReadSinceAsync(long version, CancellationToken cancellationToken) => ReadAsync(cancellationToken);

    public Task<bool> TryWriteAsync(long expectedVersion, DocumentBatch batch, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            LiteDbFile.RefuseIfFull(path, batch.Changes.Sum(change => (long)(change.After?.Length ?? 0)) + (batch.Audit.Count * 1024L));
            try
            {
                Database.BeginTrans();
                var meta = Database.GetCollection(Meta).FindById(Meta);
                if (meta["version"].AsInt64 != expectedVersion)
                {
                    Database.Rollback();
                    return Task.FromResult(false);
                }

                WriteLocked(expectedVersion, batch, HeadOf(meta));
                Database.Commit();

                // A commit lies in LiteDB's log until a checkpoint; one per change keeps the log short and flushes to
                // the disk what we are about to acknowledge.
                Database.Checkpoint();
                return Task.FromResult(true);
            }
            catch (Exception fault) when (fault is LiteException or UnauthorizedAccessException)
            {
                Database.Rollback();
                throw new IOException($"The configuration could not be written to {Description}.", fault);
            }
        }
    }

    public async IAsyncEnumerable<AuditEntry> ReadAuditAsync(
        long from, bool descending, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask;
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var page = ReadAuditPage(from, descending);
            foreach (var entry in page)
            {
                yield return entry;
            }

            if (page.Count < AuditPage)
            {
                yield break;
            }

            from = page[^1].Sequence + (descending ? -1 : 1);
        }
    }

    public Task WaitForOthersAsync(CancellationToken cancellationToken)
        => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);

    public ValueTask DisposeAsync()
    {
        lock (_lock)
        {
            _database?.Dispose();
            _database = null;
        }

        return ValueTask.CompletedTask;
    }

    // Of what this program writes.
    private int Format => _migrations.Count + 1;

    private BsonDocument MetaDocument(long version, AuditHead head) => new()
    {
        ["_id"] = Meta,
        ["format"] = Format,
        ["version"] = version,
        ["audit_sequence"] = head.Sequence,
        ["audit_hash"] = head.Hash,
    };

    private static AuditHead HeadOf(BsonDocument meta) => new(meta["audit_sequence"].AsInt64, meta["audit_hash"].AsString);

    /// <summary>A step and its number are one transaction: whenever the process dies, the file is at one format or the next.</summary>
    private void MigrateLocked(int format)
    {
        if (format > Format)
        {
            throw new StateVersionException(Description, format, Format);
        }

        for (; format < Format; format++)
        {
            Database.BeginTrans();
            _migrations[format - 1](Database);
            var meta = Database.GetCollection(Meta).FindById(Meta);
            meta["format"] = format + 1;
            Database.GetCollection(Meta).Update(meta);
            Database.Commit();
            Database.Checkpoint();
        }
    }

    private void WriteLocked(long expectedVersion, DocumentBatch batch, AuditHead head)
    {
        var documents = Database.GetCollection(Documents);
        foreach (var change in batch.Changes)
        {
            var id = $"{change.Kind}/{change.Id}";
            if (change.After is null)
            {
                documents.Delete(id);
            }
            else
            {
                documents.Upsert(new BsonDocument
                {
                    ["_id"] = id,
                    ["kind"] = change.Kind,
                    ["id"] = change.Id,
                    ["json"] = change.After,
                });
            }
        }

        var audit = Database.GetCollection(Audit);
        foreach (var entry in batch.Audit)
        {
            audit.Insert(new BsonDocument
            {
                ["_id"] = entry.Sequence,
                ["json"] = JsonSerializer.Serialize(entry, StoreJson.Options),
            });
            head = new(entry.Sequence, entry.Hash);
        }

        Database.GetCollection(Meta).Update(MetaDocument(expectedVersion + 1, head));
    }

    private StoredState ReadLocked()
    {
        var meta = Database.GetCollection(Meta).FindById(Meta);
        var documents = Database.GetCollection(Documents).FindAll()
            .Select(document => new StoredDocument(
                document["kind"].AsString, document["id"].AsString, document["json"].AsString))
            .ToList();
        return new(meta["version"].AsInt64, documents, HeadOf(meta));
    }

    private List<AuditEntry> ReadAuditPage(long from, bool descending)
    {
        lock (_lock)
        {
            var range = descending ? LiteDB.Query.LTE("_id", from) : LiteDB.Query.GTE("_id", from);
            var query = Database.GetCollection(Audit).Query().Where(range);
            return (descending ? query.OrderByDescending("_id") : query.OrderBy("_id"))
                .Limit(AuditPage)
                .ToEnumerable()
                .Select(row => JsonSerializer.Deserialize<AuditEntry>(row["json"].AsString, StoreJson.Options)
                    ?? throw new InvalidDataException("An audit entry is empty."))
                .ToList();
        }
    }
}
