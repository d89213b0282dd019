using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using LiteDB;
using NetBird.ControlPlane.Usage.Sums;
using NetBird.Gateway.Metering;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage.LiteDb;

/// <summary>Pages and exports, from blocks; counts from sums where the filter allows.</summary>
internal sealed partial class LiteDbUsageLedger
{
    /// <summary>Ours: so many are read in some milliseconds.</summary>
    private const int FewBlocks = 16;

    public ValueTask<UsagePage<UsageRecord>> QueryAsync(UsageQuery query, CancellationToken cancellationToken)
    {
        query = WithinSession(WithinRetention(query.Narrowed));
        var size = Math.Clamp(query.PageSize, 1, 1000);
        var page = Math.Max(1, query.Page);
        if (query is { Refusal: not null, Session: null })
        {
            return new(QueryRefused(query, page, size, cancellationToken));
        }

        var total = Count(query, cancellationToken);
        var skip = (long)(page - 1) * size;
        var rows = ImmutableArray.CreateBuilder<UsageRecord>();
        if (skip < total)
        {
            foreach (var record in NewestFirst(query, cancellationToken))
            {
                if (skip-- > 0)
                {
                    continue;
                }

                rows.Add(record);
                if (rows.Count == size)
                {
                    break;
                }
            }
        }

        return new(new UsagePage<UsageRecord>(rows.DrainToImmutable(), page, size, total));
    }

    public ValueTask<IReadOnlySet<RequestId>> ClaimResultsAsync(RequestId reading, IReadOnlyCollection<UsageRecord> results, CancellationToken cancellationToken)
    {
        lock (_writing)
        {
            ReopenIfStale();
            try
            {
                return new(results.Select(result => result.Id).Where(id => Results.FindById(id.Value) is null).ToHashSet());
            }
            catch (LiteException failed)
            {
                throw new IOException($"{_path} cannot be read: {failed.Message}", failed);
            }
        }
    }

    /// <summary>Every result of a batch there was, with when it was read first; for a move to another store.</summary>
    public IEnumerable<(string Id, long At)> AllResults() => Results.FindAll().Select(result => (result["_id"].AsString, result["at"].AsInt64));

    public async IAsyncEnumerable<UsageRecord> EnumerateAsync(
        UsageQuery query, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.Yield();
        foreach (var record in NewestFirst(WithinRetention(query.Narrowed), cancellationToken).Take(query.Newest ?? int.MaxValue))
        {
            yield return record;
        }
    }

    /// <summary>Rows that are older than what is kept may linger in a block beside younger ones; they are gone all the same.</summary>
    private UsageQuery WithinRetention(UsageQuery query)
        => query.From is { } from && from >= _rowsFrom ? query : query with { From = _rowsFrom };

    /// <summary>A session lies in a few blocks, which its span tells; those of the whole year need not be looked through.</summary>
    private UsageQuery WithinSession(UsageQuery query)
    {
        if (query.Session is null)
        {
            return query;
        }

        var (first, last) = _sessions.Of(query.Session) ?? (0, 0);
        return query with
        {
            From = query.From is { } from && from.UtcTicks > first ? from : new DateTimeOffset(first, TimeSpan.Zero),
            To = query.To is { } to && to.UtcTicks <= last ? to : new DateTimeOffset(last + 1, TimeSpan.Zero),
        };
    }

    /// <summary>
    /// Whole hours from the sums, the parts of an hour at either end from rows; sessions and sentences are not in the sums.
    /// </summary>
    private long Count(UsageQuery query, CancellationToken cancellationToken)
    {
        if (query.Session is not null || query.Refusal is not null)
        {
            return Unordered(query, cancellationToken).LongCount();
        }

        var (first, end) = WholeHours(query.From ?? DateTimeOffset.MinValue, query.To ?? DateTimeOffset.MaxValue);
        if (first >= end)
        {
            return Unordered(query, cancellationToken).LongCount();
        }

        var count = _sums.Rows(first, end, query);
        if (query.From is { } from && from < HourlySums.StartOf(first))
        {
            count += Unordered(query with { To = HourlySums.StartOf(first) }, cancellationToken).LongCount();
        }

        if (query.To is { } to && to > HourlySums.StartOf(end))
        {
            count += Unordered(query with { From = HourlySums.StartOf(end) }, cancellationToken).LongCount();
        }

        return count;
    }

    /// <summary>The hours that lie wholly within; none when the second is not after the first.</summary>
    private static (long First, long End) WholeHours(DateTimeOffset from, DateTimeOffset to)
        => ((from.UtcTicks + TimeSpan.TicksPerHour - 1) / TimeSpan.TicksPerHour, to.UtcTicks / TimeSpan.TicksPerHour);

    /// <summary>
    /// Blocks that may hold rows of the range. Of a person or a group who made few requests, those that
    /// hold an hour in which they made any: the sums tell.
    /// </summary>
    private List<BlockInfo> BlocksOf(UsageQuery query)
    {
        var from = query.From?.UtcTicks ?? long.MinValue;
        var blocks = query.Refusal is null ? BlocksWithin(query) : _refusals.Find(query).ConvertAll(found => found.Block);
        if (query.Session is { } session && blocks.Count > FewBlocks)
        {
            return Holding(blocks, _sessions.HoursOf(session, query), long.MinValue);
        }

        if (blocks.Count <= FewBlocks || query.Refusal is not null || query is { User: null, Group: null, Provider: null, Policy: null, Model: null, Allowed: null or true })
        {
            return blocks;
        }

        return Holding(
            blocks, _sums.HoursOf(HourOf(Math.Max(from, blocks.Min(block => block.First))), HourOf(blocks.Max(block => block.Last)) + 1, query), _sums.FirstHour);
    }

    /// <summary>Blocks that hold requests of one of some hours, or of any before another.</summary>
    private static List<BlockInfo> Holding(List<BlockInfo> blocks, HashSet<long> hours, long orBefore) => blocks.FindAll(block =>
    {
        for (var hour = HourOf(block.First); hour <= HourOf(block.Last); hour++)
        {
            if (hour < orBefore || hours.Contains(hour))
            {
                return true;
            }
        }

        return false;
    });

    private static long HourOf(long ticks) => ticks / TimeSpan.TicksPerHour;

    private List<BlockInfo> BlocksWithin(UsageQuery query)
    {
        var from = query.From?.UtcTicks ?? long.MinValue;
        var to = query.To?.UtcTicks ?? long.MaxValue;
        lock (_reading)
        {
            return _blocks.FindAll(block => block.Last >= from && block.First < to);
        }
    }

    private IEnumerable<UsageRecord> Unordered(UsageQuery query, CancellationToken cancellationToken)
        => Unordered(query, BlocksOf(query), cancellationToken);

    private IEnumerable<UsageRecord> Unordered(UsageQuery query, List<BlockInfo> blocks, CancellationToken cancellationToken)
    {
        foreach (var block in blocks)
        {
            cancellationToken.ThrowIfCancellationRequested();
            foreach (var record in RowsOf(block.Id, query))
            {
                yield return record;
            }
        }
    }

    /// <summary>
    /// Rows enter blocks as they end and are sorted by when they began, so neighbouring blocks overlap: a row is
    /// given out once no block still to be read can hold a later one.
    /// </summary>
    private IEnumerable<UsageRecord> NewestFirst(UsageQuery query, CancellationToken cancellationToken)
        => NewestFirst(query, BlocksOf(query), cancellationToken);

    private IEnumerable<UsageRecord> NewestFirst(UsageQuery query, List<BlockInfo> blocks, CancellationToken cancellationToken)
    {
        blocks.Sort(NewestBlockFirst);
        var waiting = new PriorityQueue<UsageRecord, (long, string)>(NewestFirstOrder);
        for (var i = 0; i < blocks.Count; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            foreach (var record in RowsOf(blocks[i].Id, query))
            {
                waiting.Enqueue(record, (record.Timestamp.UtcTicks, record.Id.Value));
            }

            var bound = i + 1 < blocks.Count ? blocks[i + 1].Last : long.MinValue;
            while (waiting.TryPeek(out var record, out var key) && key.Item1 > bound)
            {
                waiting.Dequeue();
                yield return record;
            }
        }
    }

    private static readonly Comparer<BlockInfo> NewestBlockFirst = Comparer<BlockInfo>.Create(
        (a, b) => b.Last != a.Last ? b.Last.CompareTo(a.Last) : b.Id.CompareTo(a.Id));

    /// <summary>Latest first; ties by id, so that pages do not shift.</summary>
    private static readonly Comparer<(long Ticks, string Id)> NewestFirstOrder = Comparer<(long Ticks, string Id)>.Create(
        (a, b) => a.Ticks != b.Ticks ? b.Ticks.CompareTo(a.Ticks) : string.CompareOrdinal(a.Id, b.Id));
}
