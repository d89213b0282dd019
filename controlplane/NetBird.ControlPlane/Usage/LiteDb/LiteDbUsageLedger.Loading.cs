using LiteDB;
using NetBird.ControlPlane.Usage.Sums;

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
            var before = Hours.FindAll().Where(hour => !_sums.Unpack(hour["_id"].AsInt64, hour["sums"].AsBinary)).Select(hour => hour["_id"].AsInt64).ToHashSet();

            lock (_reading)
            {
                _blocks.Clear();
                _blocks.AddRange(BlockIndex.FindAll().Select(block => new BlockInfo(
                    block["_id"].AsInt64, block["first"].AsInt64, block["last"].AsInt64, block["count"].AsInt32)).OrderBy(b => b.Id));
            }

            CountFailures(before);
            LoadRefused(meta);
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
    }

    /// <summary>Hours from before failed requests were counted: once, from the rows that are kept.</summary>
    private void CountFailures(HashSet<long> hours)
    {
        if (hours.Count == 0)
        {
            return;
        }

        var failed = BlocksOf(new()).SelectMany(block => ReadBlock(block.Id)!.All()).Where(row => row.Failed && hours.Contains(HourlySums.HourOf(row.Timestamp)));
        _sums.Replace(_sums.With(failed, _ => default(UsageTotals) with { Failed = 1 }));
        _database.BeginTrans();
        foreach (var hour in hours)
        {
            StoreHour(hour, _sums.Of(hour));
        }

        _database.Commit();
    }
}
