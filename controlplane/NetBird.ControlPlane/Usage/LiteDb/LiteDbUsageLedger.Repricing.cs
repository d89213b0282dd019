using LiteDB;
using NetBird.ControlPlane.Store.LiteDb;
using NetBird.ControlPlane.Usage.Rows;
using NetBird.Gateway.Metering;

namespace NetBird.ControlPlane.Usage.LiteDb;

/// <summary>Pricing anew: each block with the sums of its hours in one transaction.</summary>
internal sealed partial class LiteDbUsageLedger
{
    /// <summary>
    /// Told of each part that was priced anew, and given the step that changes the sums: the counters of limits change with them, and
    /// none is built of the one and told the other.
    /// </summary>
    public Action<RepricedCharges, Action> Repriced { get; set; } = (_, sums) => sums();

    public ValueTask<RepricedTotals> RepriceAsync(
        UsageQuery query, Func<UsageRecord, RowPrice> price, bool apply, CancellationToken cancellationToken)
    {
        query = WithinRetention(query);
        var totals = new RepricedTotals();
        foreach (var block in BlocksOf(query))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (!apply)
            {
                foreach (var row in ReadBlock(block.Id)?.Matching(query) ?? [])
                {
                    totals.Note(row, price(row));
                }

                continue;
            }

            // Between two blocks requests are recorded as ever.
            lock (_writing)
            {
                ReopenIfStale();
                RepriceBlock(block.Id, query, price, totals);
            }
        }

        return new(totals);
    }

    private void RepriceBlock(long id, UsageQuery query, Func<UsageRecord, RowPrice> price, RepricedTotals totals)
    {
        if (ReadBlock(id) is not { } block)
        {
            return;
        }

        var rows = block.All().ToList();
        var changed = new List<(UsageRecord Row, RowPrice Now)>();
        for (var i = 0; i < rows.Count; i++)
        {
            var row = rows[i];
            if (query.Matches(row) && price(row) is var now && totals.Note(row, now))
            {
                changed.Add((row, now));
                rows[i] = row with { Cost = now.Cost, PriceUnknown = now.Unknown };
            }
        }

        if (changed.Count == 0)
        {
            return;
        }

        var packed = new RowBlockBuilder();
        rows.ForEach(packed.Add);
        var bytes = packed.ToArray();
        var hours = _sums.Repriced(changed);
        LiteDbFile.RefuseIfFull(_path, bytes.Length);
        _stale = true;
        try
        {
            _database.BeginTrans();
            Blocks.Upsert(new BsonDocument { ["_id"] = id, ["rows"] = bytes, ["crc"] = (long)Journalling.JournalSegment.Crc(bytes) });
            StoreRefusedRows(id, rows.FindAll(row => row.DenyReason is not null));
            foreach (var (hour, sums) in hours)
            {
                StoreHour(hour, sums);
            }

            _database.Commit();
        }
        catch (Exception failed) when (failed is LiteException or IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            TryRollback();
            throw new IOException($"{_path} cannot be written: {failed.Message}", failed);
        }

        Repriced(new(changed), () => _sums.Replace(hours));
        _edges.Forget(hours.Keys);
        if (id == LastBlock().Id)
        {
            // New rows are added to it.
            ClearTail();
            rows.ForEach(AddToTail);
        }

        _stale = false;
    }
}
