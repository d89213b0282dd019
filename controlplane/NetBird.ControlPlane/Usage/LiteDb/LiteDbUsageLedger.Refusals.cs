using LiteDB;
using NetBird.ControlPlane.Usage.Rows;
using NetBird.Gateway.Metering;

namespace NetBird.ControlPlane.Usage.LiteDb;

/// <summary>
/// Which sentences refused callers got in each block, and the refused rows once more, beside the blocks: who looks for refusals, which are few,
/// reads them and no block; who counts those of some words reads the sentences alone.
/// </summary>
internal sealed partial class LiteDbUsageLedger
{
    /// <summary>The first block of which the sentences are kept; those from before are read to see.</summary>
    private long _refusalsFrom;

    /// <summary>The first block of which the refused rows are kept apart.</summary>
    private long _deniedFrom;

    /// <summary>Those of the last block.</summary>
    private readonly RowBlockBuilder _deniedTail = new();

    /// <summary>Ours: searches that are remembered; each is one number for a block.</summary>
    private const int MostWords = 8;

    private readonly Dictionary<string, Said> _said = new(StringComparer.OrdinalIgnoreCase);

    private ILiteCollection<BsonDocument> Refusals => _database.GetCollection("block_refusals", BsonAutoId.Int64);

    private void StoreRefusals(long block)
    {
        if (_deniedTail.Count > 0)
        {
            StoreRefusals(block, _tail.Refusals, _deniedTail);
        }
    }

    private void StoreRefusals(long block, IReadOnlyDictionary<string, int> told, RowBlockBuilder denied) => Refusals.Upsert(new BsonDocument
    {
        ["_id"] = block,
        ["texts"] = new BsonArray(told.Keys.Select(text => new BsonValue(text))),
        ["rows"] = new BsonArray(told.Values.Select(rows => new BsonValue(rows))),
        ["denied"] = denied.ToArray(),
    });

    private void AddToTail(UsageRecord record)
    {
        _tail.Add(record);
        if (record.DenyReason is not null)
        {
            _deniedTail.Add(record);
        }
    }

    private void ClearTail()
    {
        _tail.Clear();
        _deniedTail.Clear();
    }

    /// <summary>Rows of a block that a query asks for; where it asks for refused ones alone, without reading the block.</summary>
    private IEnumerable<UsageRecord> RowsOf(long block, UsageQuery query)
    {
        if (query.Allowed is not false || block < _deniedFrom)
        {
            return ReadBlock(block)?.Matching(query) ?? [];
        }

        return Reading(() => Refusals.FindById(block)) is { } refusals ? new RowBlock(refusals["denied"].AsBinary).Matching(query) : [];
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
                count += RowsOf(block.Id, query).LongCount();
            }
        }

        return count;
    }

    /// <summary>
    /// How many rows of each block were told these words; blocks where none was are left out, others beside these may be in. A search is counted, read,
    /// paged through and narrowed by the same words: what was found in blocks that are full stays found.
    /// </summary>
    private Dictionary<long, long> RowsSaying(string words, List<BlockInfo> blocks)
    {
        if (blocks.Count == 0)
        {
            return [];
        }

        var (first, last) = (blocks[0].Id, blocks[^1].Id);
        long full;
        Said? known;
        lock (_reading)
        {
            full = _blocks.Count > 0 ? _blocks[^1].Id - 1 : 0;
            known = _said.GetValueOrDefault(words) is { } said && said.First <= first ? said : null;
        }

        var found = known?.Rows ?? [];
        if (known is null || known.Last < last)
        {
            var fresh = RowsSaying(words, known is null ? first : known.Last + 1, last);
            found = new(found.Concat(fresh));
        }

        if (known is null || Math.Min(last, full) > known.Last)
        {
            Remember(words, new(known?.First ?? first, Math.Min(last, full), found.Where(block => block.Key <= full).ToDictionary()));
        }

        return found;
    }

    private void Remember(string words, Said said)
    {
        lock (_reading)
        {
            if (_said.Count >= MostWords && !_said.ContainsKey(words))
            {
                _said.Clear();
            }

            _said[words] = said;
        }
    }

    /// <summary>Blocks go or are numbered anew.</summary>
    private void ForgetSaid()
    {
        lock (_reading)
        {
            _said.Clear();
        }
    }

    private Dictionary<long, long> RowsSaying(string words, long first, long last)
        => Reading(() =>
        {
            var found = new Dictionary<long, long>();
            foreach (var block in Refusals.Find(Query.Between("_id", first, last)))
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

    /// <summary>What a search for words found.</summary>
    /// <param name="First">The first block that was looked at.</param>
    /// <param name="Last">The last, full.</param>
    /// <param name="Rows">Of each block that has some.</param>
    private sealed record Said(long First, long Last, Dictionary<long, long> Rows);
}
