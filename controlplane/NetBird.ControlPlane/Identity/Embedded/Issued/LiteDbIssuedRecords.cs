using System.Text.Json;
using LiteDB;
using NetBird.ControlPlane.Store.LiteDb;
using JsonSerializer = System.Text.Json.JsonSerializer;

namespace NetBird.ControlPlane.Identity.Embedded.Issued;

/// <summary>Issued records in LiteDB: the record as JSON, beside it the fields it is looked up by.</summary>
internal sealed class LiteDbIssuedRecords<T> : IIssuedRecords<T>
    where T : IssuedRecord
{
    private readonly string _path;
    private readonly ILiteCollection<BsonDocument> _rows;

    // LiteDB has no compare-and-set; this process is the only writer of the file.
    private readonly Lock _writer = new();

    public LiteDbIssuedRecords(IssuedDatabase file, string collection)
    {
        var database = file.Database;
        _path = file.Path;
        _rows = database.GetCollection(collection);
        _rows.EnsureIndex("reference");
        _rows.EnsureIndex("authorization");
        _rows.EnsureIndex("subject");
    }

    public ValueTask InsertAsync(T record, CancellationToken cancellationToken)
    {
        LiteDbFile.RefuseIfFull(_path, 0);
        lock (_writer)
        {
            _rows.Insert(ToRow(record));
        }

        return default;
    }

    public ValueTask<bool> ReplaceAsync(T record, string expectedVersion, CancellationToken cancellationToken)
    {
        LiteDbFile.RefuseIfFull(_path, 0);
        lock (_writer)
        {
            return new(_rows.FindById(record.Id)?["version"].AsString == expectedVersion && _rows.Update(ToRow(record)));
        }
    }

    public ValueTask<bool> DeleteAsync(string id, CancellationToken cancellationToken)
    {
        lock (_writer)
        {
            return new(_rows.Delete(id));
        }
    }

    public ValueTask<T?> FindAsync(string id, CancellationToken cancellationToken)
        => new(_rows.FindById(id) is { } row ? FromRow(row) : null);

    public ValueTask<IReadOnlyList<T>> QueryAsync(IssuedFilter filter, CancellationToken cancellationToken)
    {
        var query = _rows.Query();
        foreach (var (field, value) in new[]
        {
            ("reference", filter.Reference), ("authorization", filter.Authorization), ("subject", filter.Subject),
            ("client", filter.Client), ("status", filter.Status), ("type", filter.Type),
        })
        {
            if (value is not null)
            {
                query = query.Where(Query.EQ(field, value));
            }
        }

        if (filter.CreatedBefore is { } before)
        {
            query = query.Where(Query.LT("created", before.ToUnixTimeMilliseconds()));
        }

        return new([.. query.ToEnumerable().Select(FromRow)]);
    }

    private static BsonDocument ToRow(T record)
    {
        var token = record as IssuedToken;
        return new()
        {
            ["_id"] = record.Id,
            ["version"] = record.Version,
            ["subject"] = record.Subject,
            ["client"] = record.Client,
            ["status"] = record.Status,
            ["type"] = record.Type,
            ["created"] = record.CreatedAt?.ToUnixTimeMilliseconds() ?? 0L,
            ["authorization"] = token?.Authorization,
            ["reference"] = token?.Reference,
            ["json"] = JsonSerializer.Serialize(record),
        };
    }

    private static T FromRow(BsonDocument row)
        => JsonSerializer.Deserialize<T>(row["json"].AsString) ?? throw new JsonException("An issued record is empty.");
}
