using LiteDB;
using NetBird.ControlPlane.Usage.Rows;
using NetBird.Gateway.Metering;

namespace NetBird.ControlPlane.Usage.LiteDb;

/// <summary>
/// The refused rows once more, beside the blocks: who looks for refusals, which are few, reads them and no block. And what they were told, which
/// is kept in memory: who looks for words of it reads only the rows of a page.
/// </summary>
internal sealed partial class LiteDbUsageLedger
{
    private readonly RefusalIndex _refusals = new();

    /// <summary>The first block of which refusals are kept apart; 0 but while a store from before is read through.</summary>
    private long _refusedFrom;

    private ILiteCollection<BsonDocument> RefusedRows => _database.GetCollection("block_refusals", BsonAutoId.Int64);

    private ILiteCollection<BsonDocument> RefusedRuns => _database.GetCollection("refused", BsonAutoId.Int64);

    /// <returns>What is kept in memory of it, once it is stored.</returns>
    private List<RefusedRun> StoreRefused(long block, IReadOnlyCollection<UsageRecord> refused)
    {
        StoreRefusedRows(block, refused);
        return StoreRefusedRuns(block, refused);
    }

    private void StoreRefusedRows(long block, IReadOnlyCollection<UsageRecord> refused)
    {
        if (refused.Count > 0)
        {
            var packed = new RowBlockBuilder();
            foreach (var row in refused)
            {
                packed.Add(row);
            }

            RefusedRows.Upsert(new BsonDocument { ["_id"] = block, ["denied"] = packed.ToArray() });
        }
    }

    private List<RefusedRun> StoreRefusedRuns(long block, IReadOnlyCollection<UsageRecord> refused)
    {
        var runs = RefusedRun.Of(refused);
        if (runs.Count > 0)
        {
            RefusedRuns.Upsert(new BsonDocument { ["_id"] = block, ["runs"] = RefusedRun.Pack(runs) });
        }

        return runs;
    }

    private void DeleteRefused(long block)
    {
        RefusedRows.Delete(block);
        RefusedRuns.Delete(block);
    }

    /// <summary>Rows of a block that a query asks for; where it asks for refused ones alone, without reading the block.</summary>
    private IEnumerable<UsageRecord> RowsOf(long block, UsageQuery query)
        => query.Allowed is not false ? ReadBlock(block)?.Matching(query) ?? []
            : Reading(() => RefusedRows.FindById(block)) is { } refused ? new RowBlock(refused["denied"].AsBinary).Matching(query) : [];

    /// <summary>A page of a search for words of a refusal.</summary>
    private UsagePage<UsageRecord> QueryRefused(UsageQuery query, int page, int size, CancellationToken cancellationToken)
    {
        var blocks = new List<BlockInfo>();
        foreach (var (block, whole) in _refusals.Find(query))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (whole)
            {
                blocks.Add(block);
            }
            else if (RowsOf(block.Id, query).ToList() is { Count: > 0 } rows)
            {
                blocks.Add(new(block.Id, rows.Min(row => row.Timestamp.UtcTicks), rows.Max(row => row.Timestamp.UtcTicks), rows.Count));
            }
        }

        var total = blocks.Sum(block => (long)block.Count);
        var skip = (page - 1L) * size;
        if (skip >= total)
        {
            return new([], page, size, total);
        }

        skip -= DropNewer(blocks, skip);
        return new([.. NewestFirst(query, blocks, cancellationToken).Skip((int)skip).Take(size)], page, size, total);
    }

    /// <summary>Takes blocks away that are newer than all others and have no more rows than are skipped. How many rows those have.</summary>
    private static long DropNewer(List<BlockInfo> blocks, long skip)
    {
        blocks.Sort(NewestBlockFirst);
        var (dropped, rows, sum, oldest) = (0, 0L, 0L, long.MaxValue);
        for (var i = 0; i < blocks.Count && sum + blocks[i].Count <= skip; i++)
        {
            sum += blocks[i].Count;
            oldest = Math.Min(oldest, blocks[i].First);
            if (i + 1 == blocks.Count || oldest > blocks[i + 1].Last)
            {
                (dropped, rows) = (i + 1, sum);
            }
        }

        blocks.RemoveRange(0, dropped);
        return rows;
    }

    /// <summary>A page of the sessions that were refused with some words.</summary>
    private UsagePage<SessionSummary> SessionsRefused(UsageQuery query, int page, int size, CancellationToken cancellationToken)
    {
        var cut = _refusals.Find(query).Where(found => !found.Whole).Select(found => found.Block.Id).ToHashSet();
        var sessions = _refusals.Sessions(query, cut);
        foreach (var row in cut.SelectMany(block => RowsOf(block, query)).Where(row => row.SessionId is { Length: > 0 }))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var session = RefusedRun.SessionOf(row);
            sessions[session] = Math.Max(sessions.GetValueOrDefault(session, long.MinValue), row.Timestamp.UtcTicks);
        }

        var skip = (page - 1L) * size;
        if (skip >= sessions.Count)
        {
            return new([], page, size, sessions.Count);
        }

        // Those of the page, and those that were last refused at the very moment of its first or last: which comes first, their ids say.
        long[] latest = [.. sessions.Values.OrderDescending()];
        var (newest, oldest) = (latest[skip], latest[Math.Min(latest.Length, skip + size) - 1]);
        var wanted = sessions.Where(session => session.Value >= oldest && session.Value <= newest).Select(session => session.Key).ToHashSet();
        var rows = _refusals.BlocksOf(query, wanted).SelectMany(block => RowsOf(block, query)).Where(row => wanted.Contains(RefusedRun.SessionOf(row)));
        return new(SessionSums.Page(rows, (int)(skip - Array.IndexOf(latest, newest)), size), page, size, sessions.Count);
    }

    /// <summary>What was kept of refusals, and once, of a store from before it was, from the rows: some blocks at a time, the newest first.</summary>
    private void LoadRefused(BsonDocument? meta)
    {
        _refusals.Clear();
        foreach (var block in RefusedRuns.FindAll())
        {
            _refusals.Replace(block["_id"].AsInt64, RefusedRun.Unpack(block["runs"].AsBinary));
        }

        _refusedFrom = From("refused_from");
        if (_refusedFrom == 0)
        {
            return;
        }

        var apartFrom = From("denied_from");
        foreach (var some in _blocks.Where(block => block.Id < _refusedFrom).Reverse().Chunk(BlocksReadThrough).ToList())
        {
            _database.BeginTrans();
            foreach (var block in some)
            {
                // Of a version in between, the rows are there and not what they were told.
                List<UsageRecord> refused = [.. block.Id >= apartFrom ? RowsOf(block.Id, Refused) : ReadBlock(block.Id)!.Matching(Refused)];
                if (block.Id < apartFrom)
                {
                    StoreRefusedRows(block.Id, refused);
                }

                _refusals.Replace(block.Id, StoreRefusedRuns(block.Id, refused));
            }

            _refusedFrom = some[^1].Id;
            StoreMeta(_sequence);
            _database.Commit();
        }

        _refusedFrom = 0;

        // Whoever kept none has none of any block that is there.
        long From(string name) => meta is null || _blocks.Count == 0 ? 0 : meta.TryGetValue(name, out var from) ? from.AsInt64 : _blocks[^1].Id + 1;
    }

    /// <summary>Ours: some hundred kilobytes of refusals, or a second of reading where the blocks themselves are.</summary>
    private const int BlocksReadThrough = 256;

    private static readonly UsageQuery Refused = new() { Allowed = false };
}
