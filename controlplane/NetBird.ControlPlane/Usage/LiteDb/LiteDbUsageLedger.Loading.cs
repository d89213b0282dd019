using LiteDB;

namespace NetBird.ControlPlane.Usage.LiteDb;

/// <summary>What is kept in memory, read from the file.</summary>
internal sealed partial class LiteDbUsageLedger
{
    private void Load()
    {
        try
        {
            var meta = Meta.FindById("ledger");
            if (meta is not null && meta["version"].AsInt32 != 1)
            {
                throw new IOException($"{_path} was written by a newer version.");
            }

            _sequence = meta?["sequence"].AsInt64 ?? 0;
            _rowsFrom = new(meta?["rows_from"].AsInt64 ?? 0, TimeSpan.Zero);
            _sums.Clear();
            foreach (var hour in Hours.FindAll())
            {
                _sums.Unpack(hour["_id"].AsInt64, hour["sums"].AsBinary);
            }

            lock (_reading)
            {
                _blocks.Clear();
                _blocks.AddRange(BlockIndex.FindAll().Select(block => new BlockInfo(
                    block["_id"].AsInt64, block["first"].AsInt64, block["last"].AsInt64, block["count"].AsInt32)).OrderBy(b => b.Id));
            }

            _refusalsFrom = FromBlock("refusals_from");
            _deniedFrom = FromBlock("denied_from");
            LoadSessions();
            _edges.Forget(null);
            ClearTail();
            if (_blocks.Count > 0)
            {
                foreach (var record in ReadBlock(_blocks[^1].Id)!.All())
                {
                    AddToTail(record);
                }
            }
        }
        catch (Exception damaged) when (damaged is LiteException or InvalidDataException or InvalidCastException)
        {
            throw new IOException($"{_path} is damaged: {damaged.Message}", damaged);
        }

        // What a ledger from before did not keep is kept from the next block on.
        long FromBlock(string name) => Meta.FindById("ledger") is { } meta && meta.TryGetValue(name, out var from) ? from.AsInt64 : _blocks.Count > 0 ? _blocks[^1].Id + 1 : 0;
    }
}
