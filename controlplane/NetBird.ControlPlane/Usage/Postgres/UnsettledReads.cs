using System.Collections.Concurrent;
using NetBird.Policy;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage.Postgres;

/// <summary>
/// What reading the results of a batch came to where it could not be settled, since the database was away: their rows are each
/// there by themselves, and the row of the reading, with which it is settled later, tells nothing of them.
/// </summary>
/// <remarks>Thread-safe. In memory: should the node die before the database is back, the results are in the ledger and in no counter that was there before.</remarks>
internal sealed class UnsettledReads
{
    private readonly ConcurrentDictionary<RequestId, UnsettledRead> _reads = new();

    public void Add(UnsettledRead read) => _reads[read.Request] = read;

    /// <summary>Those whose rows are handed over now.</summary>
    public List<UnsettledRead> Of(IReadOnlyList<JournalledRecord> records)
        => _reads.IsEmpty ? [] : [.. records.Where(item => item.Record.Kind is RequestKind.Batches)
            .Select(item => _reads.TryGetValue(item.Record.Id, out var read) ? read : default).Where(read => read != default)];

    public void Forget(List<UnsettledRead> reads) => reads.ForEach(read => _reads.TryRemove(read.Request, out _));
}

/// <summary>One of them.</summary>
/// <param name="Request">The reading.</param>
/// <param name="Tokens">Of the results that were new.</param>
/// <param name="NanoUsd">Their cost.</param>
internal readonly record struct UnsettledRead(RequestId Request, long Tokens, long NanoUsd);
