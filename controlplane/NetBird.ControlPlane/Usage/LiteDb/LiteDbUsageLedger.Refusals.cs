using LiteDB;

namespace NetBird.ControlPlane.Usage.LiteDb;

/// <summary>
/// Which sentences refused callers got in each block, beside the blocks: who searches for words of them reads the blocks that have them, and
/// counts without reading any.
/// </summary>
internal sealed partial class LiteDbUsageLedger
{
    /// <summary>The first block of which the sentences are kept; those from before are read to see.</summary>
    private long _refusalsFrom;

    private ILiteCollection<BsonDocument> Refusals => _database.GetCollection("block_refusals", BsonAutoId.Int64);

    private void StoreRefusals(long block)
    {
        if (_tail.Refusals.Count > 0)
        {
            Refusals.Upsert(new BsonDocument
            {
                ["_id"] = block,
                ["texts"] = new BsonArray(_tail.Refusals.Keys.Select(text => new BsonValue(text))),
                ["rows"] = new BsonArray(_tail.Refusals.Values.Select(rows => new BsonValue(rows))),
            });
        }
    }

    /// <summary>Of these blocks those that may have a sentence with these words.</summary>
    private List<BlockInfo> Saying(string words, List<BlockInfo> blocks)
    {
        var rows = RowsSaying(words, blocks);
        return blocks.FindAll(block => block.Id < _refusalsFrom || rows.ContainsKey(block.Id));
    }

    /// <summary>How many rows a search for words asks for, where it asks for nothing else: blocks that lie wholly within are not read.</summary>
    private long CountRefusals(UsageQuery query, CancellationToken cancellationToken)
    {
        var blocks = BlocksWithin(query);
        var rows = RowsSaying(query.Refusal!, blocks); // asked for words
        var count = 0L;
        foreach (var block in blocks)
        {
            var whole = block.Id >= _refusalsFrom
                && (query.From is null || block.First >= query.From.Value.UtcTicks) && (query.To is null || block.Last < query.To.Value.UtcTicks);
            if (whole)
            {
                count += rows.GetValueOrDefault(block.Id);
            }
            else if (block.Id < _refusalsFrom || rows.ContainsKey(block.Id))
            {
                cancellationToken.ThrowIfCancellationRequested();
                count += ReadBlock(block.Id)?.Matching(query).LongCount() ?? 0;
            }
        }

        return count;
    }

    private Dictionary<long, long> RowsSaying(string words, List<BlockInfo> blocks)
        => blocks.Count == 0 ? [] : Reading(() =>
        {
            var found = new Dictionary<long, long>();
            foreach (var block in Refusals.Find(Query.Between("_id", blocks[0].Id, blocks[^1].Id)))
            {
                var texts = block["texts"].AsArray;
                var rows = 0L;
                for (var i = 0; i < texts.Count; i++)
                {
                    rows += texts[i].AsString.Contains(words, StringComparison.OrdinalIgnoreCase) ? block["rows"][i].AsInt32 : 0;
                }

                if (rows > 0)
                {
                    found[block["_id"].AsInt64] = rows;
                }
            }

            return found;
        });
}
