using LiteDB;
using NetBird.ControlPlane.Usage.Sums;
using NetBird.Gateway.Metering;

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
            var before = Hours.FindAll().Select(hour => (Hour: hour["_id"].AsInt64, Version: _sums.Unpack(hour["_id"].AsInt64, hour["sums"].AsBinary)))
                .Where(hour => hour.Version < HourlySums.Version).ToDictionary(hour => hour.Hour, hour => hour.Version);

            lock (_reading)
            {
                _blocks.Clear();
                _blocks.AddRange(BlockIndex.FindAll().Select(block => new BlockInfo(
                    block["_id"].AsInt64, block["first"].AsInt64, block["last"].AsInt64, block["count"].AsInt32)).OrderBy(b => b.Id));
            }

            CountAnew(before);
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

    /// <summary>Hours that an older version packed: what it did not count, or counted with the requests, once, from the rows that are kept.</summary>
    private void CountAnew(Dictionary<long, int> hours)
    {
        if (hours.Count == 0)
        {
            return;
        }

        var rows = BlocksOf(new()).SelectMany(block => ReadBlock(block.Id)!.All())
            .Where(row => (row.IsPart || row.Failed) && hours.ContainsKey(HourlySums.HourOf(row.Timestamp)));
        _sums.Replace(_sums.With(rows, row => Missing(row, hours[HourlySums.HourOf(row.Timestamp)])));
        _database.BeginTrans();
        foreach (var hour in hours.Keys)
        {
            StoreHour(hour, _sums.Of(hour));
        }

        _database.Commit();
    }

    private static UsageTotals Missing(UsageRecord row, int version)
    {
        var now = UsageTotals.Of(row);
        return default(UsageTotals) with
        {
            Parts = now.Parts,
            Failed = now.Failed - (version >= 2 && row.Failed ? 1 : 0),
            Interrupted = now.Interrupted - (row.Completeness is Completeness.Interrupted ? 1 : 0),
        };
    }
}
