using LiteDB;
using NetBird.ControlPlane.Usage.Sums;
using NetBird.Gateway.Batches;

namespace NetBird.ControlPlane.Usage.LiteDb;

/// <summary>Retention: what is too old is out of sight in one transaction; its blocks go some at a time.</summary>
internal sealed partial class LiteDbUsageLedger
{
    /// <summary>Ours: some 30,000 rows, a fraction of a second in which no batch of new rows is written.</summary>
    private const int BlocksAtOnce = 64;

    public async ValueTask<RetentionResult> RetainAsync(
        DateTimeOffset rowsFrom, DateTimeOffset sumsFrom, Action<long> progress, CancellationToken cancellationToken)
    {
        // Off the caller's path: nothing below waits for anything but the disk.
        await Task.Yield();
        var sums = DropFromSight(rowsFrom, sumsFrom);
        long rows = 0;
        while (DropBlocks() is > 0 and var some)
        {
            rows += some;
            progress(rows);
            cancellationToken.ThrowIfCancellationRequested();
        }

        return new(rows, sums);
    }

    /// <returns>Hours of sums that went.</returns>
    private int DropFromSight(DateTimeOffset rowsFrom, DateTimeOffset sumsFrom)
    {
        lock (_writing)
        {
            ReopenIfStale();
            var from = HourlySums.StartOf(HourlySums.HourOf(rowsFrom));
            from = from > _rowsFrom ? from : _rowsFrom;
            return Committed(() =>
            {
                _rowsFrom = from;
                var hours = Hours.DeleteMany(Query.LT("_id", HourlySums.HourOf(sumsFrom)));
                foreach (var (session, user) in _sessions.DropBefore(from.UtcTicks))
                {
                    Sessions.Delete(SessionKey(session, user));
                }

                _sessions.DropUnusedFacets().ForEach(number => Facets.Delete(number));
                Results.DeleteMany(Query.LT("at", Spans.Earlier(sumsFrom, RegisteredBatch.KeptFor).UtcTicks));
                StoreMeta(_sequence);
                return hours;
            }, () =>
            {
                _sums.DropBefore(HourlySums.HourOf(sumsFrom));
                _edges.Forget(null);
            });
        }
    }

    /// <returns>Rows that went; 0: no old block is left.</returns>
    private long DropBlocks()
    {
        lock (_writing)
        {
            ReopenIfStale();
            List<BlockInfo> old;
            lock (_reading)
            {
                // The last block stays: rows are still added to it.
                old = _blocks.Take(Math.Max(0, _blocks.Count - 1)).Where(block => block.Last < _rowsFrom.UtcTicks).Take(BlocksAtOnce).ToList();
            }

            return old.Count == 0 ? 0 : Committed(
                () =>
                {
                    old.ForEach(block => Blocks.Delete(block.Id));
                    old.ForEach(block => BlockIndex.Delete(block.Id));
                    old.ForEach(block => DeleteRefused(block.Id));
                    return old.Sum(block => (long)block.Count);
                },
                () =>
                {
                    lock (_reading)
                    {
                        _blocks.RemoveAll(old.Contains);
                    }

                    _refusals.Drop(old.Select(block => block.Id));
                });
        }
    }

    /// <summary>One transaction, and after it what is in memory.</summary>
    private T Committed<T>(Func<T> change, Action afterwards)
    {
        try
        {
            _stale = true;
            _database.BeginTrans();
            var result = change();
            _database.Commit();
            afterwards();
            _stale = false;
            return result;
        }
        catch (Exception failed) when (failed is LiteException or UnauthorizedAccessException)
        {
            TryRollback();
            throw new IOException($"{_path} cannot be written: {failed.Message}", failed);
        }
    }
}
