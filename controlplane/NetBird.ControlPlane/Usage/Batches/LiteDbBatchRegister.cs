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

    private readonly GuardedLiteDb _file;

    private LiteDbBatchRegister(GuardedLiteDb file)
    {
        _file = file;
        Batches.EnsureIndex("created");
    }

    private ILiteCollection<BsonDocument> Batches => _file.Database.GetCollection("batches");

    /// <exception cref="IOException">Another process holds the file, or it is damaged.</exception>
    public static LiteDbBatchRegister Open(string path) => new(GuardedLiteDb.Open(path));

    public ValueTask<RegisteredBatch?> FindAsync(string id, CancellationToken cancellationToken)
        => new(_file.Run(() => Batches.FindById(Key(id)) is { } found ? FromDocument(found) : null));

    public ValueTask AddAsync(RegisteredBatch batch, CancellationToken cancellationToken)
    {
        LiteDbFile.RefuseIfFull(_file.Path, 1024);
        _file.Run(() =>
        {
            Batches.DeleteMany(Query.LT("created", (batch.CreatedAt - RegisteredBatch.KeptFor).UtcTicks));
            return Batches.Upsert(ToDocument(batch));
        });
        return default;
    }

    /// <summary>Every batch there is.</summary>
    public IReadOnlyList<RegisteredBatch> All() => _file.Run(() => Batches.FindAll().Select(FromDocument).ToList());

    public void Dispose() => _file.Dispose();

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
}
