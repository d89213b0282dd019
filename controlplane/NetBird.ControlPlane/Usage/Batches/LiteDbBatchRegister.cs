using System.Text;
using LiteDB;
using NetBird.ControlPlane.Store.LiteDb;
using NetBird.Gateway.Batches;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage.Batches;

/// <summary>The register of a control plane that is one process, in <c>batches.db</c>.</summary>
internal sealed class LiteDbBatchRegister : IBatchRegister, IDisposable
{
    public const string FileName = "batches.db";

    private readonly Lock _gate = new();
    private readonly string _path;
    private readonly LiteDatabase _database;

    private LiteDbBatchRegister(string path, LiteDatabase database)
    {
        (_path, _database) = (path, database);
        Batches.EnsureIndex("created");
    }

    private ILiteCollection<BsonDocument> Batches => _database.GetCollection("batches");

    /// <exception cref="IOException">Another process holds the file, or it is damaged.</exception>
    public static LiteDbBatchRegister Open(string path) => new(path, LiteDbFile.Open(path));

    public ValueTask<RegisteredBatch?> FindAsync(string id, CancellationToken cancellationToken)
        => new(Locked(() => Batches.FindById(Key(id)) is { } found ? FromDocument(found) : null));

    public ValueTask AddAsync(RegisteredBatch batch, CancellationToken cancellationToken)
    {
        LiteDbFile.RefuseIfFull(_path, 1024);
        Locked(() =>
        {
            Batches.DeleteMany(Query.LT("created", (batch.CreatedAt - RegisteredBatch.KeptFor).UtcTicks));
            return Batches.Upsert(ToDocument(batch));
        });
        return default;
    }

    /// <summary>Every batch there is.</summary>
    public IReadOnlyList<RegisteredBatch> All() => Locked(() => Batches.FindAll().Select(FromDocument).ToList());

    public void Dispose() => _database.Dispose();

    /// <summary>Bytes: LiteDB's text keys do not tell capitals from small letters, and the provider's ids do.</summary>
    private static byte[] Key(string id) => Encoding.UTF8.GetBytes(id);

    private static BsonDocument ToDocument(RegisteredBatch batch) => new()
    {
        ["_id"] = Key(batch.Id),
        ["provider"] = batch.Provider.Value,
        ["user"] = batch.User.Value,
        ["policy"] = batch.Policy.Value,
        ["group"] = batch.Group.Value,
        ["session"] = batch.SessionId,
        ["created"] = batch.CreatedAt.UtcTicks,
        ["requests"] = batch.Requests,
        ["bytes"] = batch.Bytes,
    };

    private static RegisteredBatch FromDocument(BsonDocument document) => new(
        Encoding.UTF8.GetString(document["_id"].AsBinary),
        new(document["provider"].AsString),
        new(document["user"].AsString),
        new(document["policy"].AsString),
        new(document["group"].AsString),
        document["session"].AsString,
        new(document["created"].AsInt64, TimeSpan.Zero),
        document["requests"].AsInt32,
        document["bytes"].AsInt64);

    private T Locked<T>(Func<T> work)
    {
        lock (_gate)
        {
            try
            {
                return work();
            }
            catch (Exception failed) when (failed is LiteException or IOException or UnauthorizedAccessException or ObjectDisposedException)
            {
                throw new IOException($"{_path} cannot be used: {failed.Message}", failed);
            }
        }
    }
}
