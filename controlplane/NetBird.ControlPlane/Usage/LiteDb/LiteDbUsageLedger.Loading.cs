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

            _refusalsFrom = meta is not null && meta.TryGetValue("refusals_from", out var from) ? from.AsInt64 : _blocks.Count > 0 ? _blocks[^1].Id + 1 : 0;
            LoadSessions();
            _edges.Forget(null);
            _tail.Clear();
            if (_blocks.Count > 0)
            {
                foreach (var record in ReadBlock(_blocks[^1].Id)!.All())
                {
                    _tail.Add(record);
                }
            }
        }
        catch (Exception damaged) when (damaged is LiteException or InvalidDataException or InvalidCastException)
        {
            throw new IOException($"{_path} is damaged: {damaged.Message}", damaged);
        }
    }

    /// <summary>A ledger from before spans were kept is read through once.</summary>
    private void LoadSessions()
    {
        _sessions.Clear();
        var spans = Sessions.FindAll().ToDictionary(
            session => (session["session"].AsString, session["user"].AsString), session => (session["first"].AsInt64, session["last"].AsInt64));
        if (spans.Count > 0 || _blocks.Count == 0)
        {
            _sessions.Replace(spans);
            return;
        }

        foreach (var block in _blocks)
        {
            _sessions.Replace(_sessions.With(ReadBlock(block.Id)?.All() ?? []));
        }

        var found = _sessions.With([]);
        foreach (var (session, user, first, last) in _sessions.Page(new(), 1, int.MaxValue).Page)
        {
            found[(session, user?.Value ?? "")] = (first, last);
        }

        _database.BeginTrans();
        StoreSessions(found);
        _database.Commit();
    }
}
