using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using NetBird.ControlPlane.Usage.Journalling;
using NetBird.Gateway.Metering;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage;

/// <summary>
/// The ledger as it is read: what this process answered before the question is in the answer. A ledger that cannot be written now
/// is read as it is.
/// </summary>
internal sealed class CaughtUpLedger(IUsageLedger inner, UsageJournal journal) : IUsageLedger
{
    /// <summary>Ours: a batch is handed over every 200 ms; a busy disk may need longer, and a page is not to hang on it.</summary>
    private static readonly TimeSpan AtMost = TimeSpan.FromSeconds(1);

    public async ValueTask<UsagePage<UsageRecord>> QueryAsync(UsageQuery query, CancellationToken cancellationToken)
    {
        await journal.CatchUpAsync(AtMost, cancellationToken);
        return await inner.QueryAsync(query, cancellationToken);
    }

    public async IAsyncEnumerable<UsageRecord> EnumerateAsync(
        UsageQuery query, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await journal.CatchUpAsync(AtMost, cancellationToken);
        await foreach (var row in inner.EnumerateAsync(query, cancellationToken))
        {
            yield return row;
        }
    }

    public async ValueTask<UsagePage<SessionSummary>> SessionsAsync(UsageQuery query, CancellationToken cancellationToken)
    {
        await journal.CatchUpAsync(AtMost, cancellationToken);
        return await inner.SessionsAsync(query, cancellationToken);
    }

    public async ValueTask<ImmutableArray<OverviewRow>> OverviewAsync(OverviewQuery query, CancellationToken cancellationToken)
    {
        await journal.CatchUpAsync(AtMost, cancellationToken);
        return await inner.OverviewAsync(query, cancellationToken);
    }

    public ValueTask AppendAsync(IReadOnlyList<JournalledRecord> records, CancellationToken cancellationToken)
        => inner.AppendAsync(records, cancellationToken);

    public ValueTask<IReadOnlySet<RequestId>> ClaimResultsAsync(RequestId reading, IReadOnlyCollection<UsageRecord> results, CancellationToken cancellationToken)
        => inner.ClaimResultsAsync(reading, results, cancellationToken);

    public ValueTask<long> LastSequenceAsync(CancellationToken cancellationToken) => inner.LastSequenceAsync(cancellationToken);

    public ValueTask ProbeAsync(CancellationToken cancellationToken) => inner.ProbeAsync(cancellationToken);

    public ValueTask<RetentionResult> RetainAsync(
        DateTimeOffset rowsFrom, DateTimeOffset sumsFrom, Action<long> progress, CancellationToken cancellationToken)
        => inner.RetainAsync(rowsFrom, sumsFrom, progress, cancellationToken);

    public async ValueTask<RepricedTotals> RepriceAsync(
        UsageQuery query, Func<UsageRecord, RowPrice> price, bool apply, CancellationToken cancellationToken)
    {
        await journal.CatchUpAsync(AtMost, cancellationToken);
        return await inner.RepriceAsync(query, price, apply, cancellationToken);
    }

    public ValueTask<ImmutableArray<string>> VerifyAsync(CancellationToken cancellationToken) => inner.VerifyAsync(cancellationToken);
}
