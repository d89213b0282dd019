using System.Security.Cryptography;
using System.Text;
using LiteDB;
using NetBird.ControlPlane.Store.LiteDb;
using NetBird.ControlPlane.Usage.Journalling;
using NetBird.ControlPlane.Usage.Rows;
using NetBird.ControlPlane.Usage.Sums;
using NetBird.Gateway.Metering;
using NetBird.Policy;

namespace NetBird.ControlPlane.Usage.LiteDb;

/// <summary>
/// The ledger of a control plane that is one process, in <c>usage.db</c>. Rows are kept in blocks of 512, written in one
/// transaction with the hourly sums and the sequence of the last row: whatever moment the process dies at, all three agree, and a
/// row that the journal hands over again is known by its sequence.
/// </summary>
/// <remarks>
/// Why blocks and not a document for each row: a search then reads a million rows in a fraction of a second without an index for
/// every filter, and a batch costs two writes however many rows it has. The last block is written again until it is full.
/// </remarks>
internal sealed partial class LiteDbUsageLedger : IUsageLedger, IDisposable
{
    private const int RowsPerBlock = 512;
    private const int BytesPerBlock = 512 * 1024;

    private readonly string _path;
    private readonly HourlySums _sums;
    private readonly Lock _writing = new();
    private readonly Lock _reading = new();
    private readonly List<BlockInfo> _blocks = [];
    private readonly RowBlockBuilder _tail = new();
    private readonly List<UsageRecord> _refusedTail = [];
    private readonly SessionSpans _sessions = new();
    private readonly EdgeHours _edges;
    private LiteDatabase _database;
    private long _sequence;
    private DateTimeOffset _rowsFrom;
    private bool _stale;

    private LiteDbUsageLedger(string path, HourlySums sums, LiteDatabase database)
    {
        (_path, _sums, _database) = (path, sums, database);
        _edges = new(RowsOfHour);
    }

    private ILiteCollection<BsonDocument> Blocks => _database.GetCollection("blocks", BsonAutoId.Int64);

    private ILiteCollection<BsonDocument> BlockIndex => _database.GetCollection("block_index", BsonAutoId.Int64);

    private ILiteCollection<BsonDocument> Hours => _database.GetCollection("hours", BsonAutoId.Int64);

    private ILiteCollection<BsonDocument> Sessions => _database.GetCollection("sessions");

    private ILiteCollection<BsonDocument> Results => _database.GetCollection("batch_results");

    private ILiteCollection<BsonDocument> Meta => _database.GetCollection("meta");

    /// <summary>Opens or creates the file, and reads its sums into <paramref name="sums"/>.</summary>
    /// <exception cref="IOException">It is held by another process, or damaged.</exception>
    public static LiteDbUsageLedger Open(string path, HourlySums sums)
    {
        var ledger = new LiteDbUsageLedger(path, sums, LiteDbFile.Open(path));
        try
        {
            ledger.Load();
            return ledger;
        }
        catch
        {
            ledger.Dispose();
            throw;
        }
    }

    public ValueTask<long> LastSequenceAsync(CancellationToken cancellationToken)
    {
        lock (_writing)
        {
            return new(_sequence);
        }
    }

    public ValueTask AppendAsync(IReadOnlyList<JournalledRecord> records, CancellationToken cancellationToken)
    {
        lock (_writing)
        {
            ReopenIfStale();
            var fresh = records.Where(record => record.Sequence > _sequence).ToList();
            if (fresh.Count > 0)
            {
                Write(fresh);
            }
        }

        return default;
    }

    public ValueTask ProbeAsync(CancellationToken cancellationToken)
    {
        if (!File.Exists(_path))
        {
            // The open file may live on without a name; nothing more is to be written into it.
            _stale = true;
            throw new IOException($"{_path} is not there.");
        }

        if (_stale)
        {
            lock (_writing)
            {
                ReopenIfStale();
            }
        }

        return default;
    }

    public void Dispose() => _database.Dispose();

    /// <summary>One transaction. What is in memory changes after it, or is read anew if it fails.</summary>
    private void Write(List<JournalledRecord> fresh)
    {
        if (!File.Exists(_path))
        {
            _stale = true;
            throw new IOException($"{_path} is not there.");
        }

        LiteDbFile.RefuseIfFull(_path, BytesPerBlock);

        // A write that fails half way leaves the last block in memory ahead of the file.
        _stale = true;
        var hours = _sums.With(fresh.Select(item => item.Record));
        var sessions = _sessions.With(fresh.Select(item => item.Record));
        var touched = new List<(BlockInfo Block, List<RefusedRun> Refused)>();
        var current = LastBlock();
        try
        {
            _database.BeginTrans();
            foreach (var (_, record) in fresh)
            {
                if (_tail.Count >= RowsPerBlock || _tail.Bytes >= BytesPerBlock)
                {
                    touched.Add((current, Store(current)));
                    ClearTail();
                    current = new(current.Id + 1, long.MaxValue, long.MinValue, 0);
                }

                AddToTail(record);
                var ticks = record.Timestamp.UtcTicks;
                current = new(current.Id, Math.Min(current.First, ticks), Math.Max(current.Last, ticks), current.Count + 1);
            }

            touched.Add((current, Store(current)));
            foreach (var (hour, sums) in hours)
            {
                StoreHour(hour, sums);
            }

            StoreSessions(sessions);
            StoreResults(fresh);
            StoreMeta(fresh[^1].Sequence);
            _database.Commit();
        }
        catch (Exception failed) when (failed is LiteException or IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            TryRollback();
            throw new IOException($"{_path} cannot be written: {failed.Message}", failed);
        }

        _sequence = fresh[^1].Sequence;
        _sums.Replace(hours);
        _sessions.Replace(sessions);
        lock (_reading)
        {
            foreach (var (block, _) in touched)
            {
                if (_blocks.Count > 0 && _blocks[^1].Id == block.Id)
                {
                    _blocks[^1] = block;
                }
                else
                {
                    _blocks.Add(block);
                }
            }
        }

        touched.ForEach(block => _refusals.Replace(block.Block.Id, block.Refused));
        _edges.Forget(hours.Keys);
        _stale = false;
    }

    private void AddToTail(UsageRecord record)
    {
        _tail.Add(record);
        if (record.DenyReason is not null)
        {
            _refusedTail.Add(record);
        }
    }

    private void ClearTail()
    {
        _tail.Clear();
        _refusedTail.Clear();
    }

    /// <summary>Beside the rows, which retention may drop while the provider still has the results.</summary>
    private void StoreResults(List<JournalledRecord> fresh)
    {
        foreach (var (_, record) in fresh)
        {
            if (record.Kind is RequestKind.BatchResult)
            {
                Results.Upsert(new BsonDocument { ["_id"] = record.Id.Value, ["at"] = record.Timestamp.UtcTicks });
            }
        }
    }

    private BlockInfo LastBlock()
    {
        lock (_reading)
        {
            return _blocks.Count > 0 ? _blocks[^1] : new(1, long.MaxValue, long.MinValue, 0);
        }
    }

    /// <summary>When the latest request began; rows are added as they end, so it may be in any block.</summary>
    private long LastTicks()
    {
        lock (_reading)
        {
            return _blocks.Count == 0 ? long.MaxValue : _blocks.Max(block => block.Last);
        }
    }

    private void StoreHour(long hour, SumTable sums) => Hours.Upsert(new BsonDocument { ["_id"] = hour, ["sums"] = _sums.Pack(sums) });

    private List<RefusedRun> Store(BlockInfo block)
    {
        var rows = _tail.ToArray();
        Blocks.Upsert(new BsonDocument { ["_id"] = block.Id, ["rows"] = rows, ["crc"] = (long)JournalSegment.Crc(rows) });
        BlockIndex.Upsert(new BsonDocument
        {
            ["_id"] = block.Id, ["first"] = block.First, ["last"] = block.Last, ["count"] = block.Count,
        });
        return StoreRefused(block.Id, _refusedTail);
    }

    /// <summary>A hash: LiteDB's text keys do not tell capitals from small letters.</summary>
    internal static byte[] SessionKey(string session, string user) => SHA256.HashData(Encoding.UTF8.GetBytes($"{user}\n{session}"));

    private void StoreMeta(long sequence) => Meta.Upsert(new BsonDocument
    {
        ["_id"] = "ledger", ["version"] = 1, ["sequence"] = sequence, ["rows_from"] = _rowsFrom.UtcTicks, ["refused_from"] = _refusedFrom, ["denied_from"] = _refusedFrom,
    });

    private void TryRollback()
    {
        try
        {
            _database.Rollback();
        }
        catch (Exception failed) when (failed is LiteException or IOException or ObjectDisposedException)
        {
            // The transaction ends with the database object, which is replaced before the next write.
        }
    }

    private void ReopenIfStale()
    {
        if (!_stale)
        {
            return;
        }

        if (!File.Exists(_path))
        {
            // The open file is read on, as it is, until there is one to write.
            throw new IOException($"{_path} is not there.");
        }

        try
        {
            _database.Dispose();
        }
        catch (Exception failed) when (failed is LiteException or IOException)
        {
            // Its last checkpoint failed; the log file keeps what was committed.
        }

        try
        {
            _database = LiteDbFile.Open(_path);
            Load();
            _stale = false;
        }
        catch (Exception failed) when (failed is LiteException or UnauthorizedAccessException)
        {
            throw new IOException($"{_path} cannot be opened: {failed.Message}", failed);
        }
    }

    /// <summary>A block, or null when retention has dropped it meanwhile.</summary>
    private RowBlock? ReadBlock(long id)
    {
        if (Reading(() => Blocks.FindById(id)) is not { } document)
        {
            return null;
        }

        var rows = document["rows"].AsBinary;
        return JournalSegment.Crc(rows) == document["crc"].AsInt64
            ? new(rows)
            : throw new InvalidDataException($"Block {id} of usage rows is damaged.");
    }

    /// <summary>Reads once more where the file was opened anew while it was read.</summary>
    private T Reading<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception gone) when (gone is LiteException or ObjectDisposedException)
        {
            lock (_writing)
            {
                ReopenIfStale();
                return read();
            }
        }
    }
}
