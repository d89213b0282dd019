using System.Collections.Immutable;
using NetBird.Gateway.Metering;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage;

/// <summary>Every request there was, and sums over them. LiteDB in one process, PostgreSQL for several.</summary>
internal interface IUsageLedger
{
    /// <summary>One page of rows, newest first.</summary>
    ValueTask<UsagePage<UsageRecord>> QueryAsync(UsageQuery query, CancellationToken cancellationToken);

    /// <summary>Every matching row, newest first, without holding them all in memory; paging is ignored. For exports.</summary>
    IAsyncEnumerable<UsageRecord> EnumerateAsync(UsageQuery query, CancellationToken cancellationToken);

    /// <summary>One page of sessions, the last active first. Requests without a session id are left out.</summary>
    ValueTask<UsagePage<SessionSummary>> SessionsAsync(UsageQuery query, CancellationToken cancellationToken);

    /// <summary>Sums by span of time and one dimension; spans and keys without usage are left out.</summary>
    ValueTask<ImmutableArray<OverviewRow>> OverviewAsync(OverviewQuery query, CancellationToken cancellationToken);

    /// <summary>Adds rows in one durable step. A row that is there already is not added again.</summary>
    /// <exception cref="IOException">Nothing was added.</exception>
    ValueTask AppendAsync(IReadOnlyList<JournalledRecord> records, CancellationToken cancellationToken);

    /// <summary>
    /// Which of these results of batches are this node's to record: none that was recorded before, however long ago, also where
    /// retention has dropped its row; and of several nodes that read the same results at one moment, each result is one node's. A node
    /// that died before it recorded what it had claimed loses it to the next that asks. Where nodes share counters, what was never claimed
    /// before is charged in the same step to those of the reading's reservation: no death of a node leaves it uncharged, or charged twice.
    /// </summary>
    /// <param name="reading">The request that reads them.</param>
    /// <param name="results">Their rows.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="IOException">It cannot be told.</exception>
    ValueTask<IReadOnlySet<RequestId>> ClaimResultsAsync(RequestId reading, IReadOnlyCollection<UsageRecord> results, CancellationToken cancellationToken);

    /// <summary>The sequence of the last row it has, 0 for none.</summary>
    ValueTask<long> LastSequenceAsync(CancellationToken cancellationToken);

    /// <summary>Whether rows can be written now, asked a few times a second.</summary>
    /// <exception cref="IOException">They cannot.</exception>
    ValueTask ProbeAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Drops rows and sums that are older than asked for. They are no longer read at once; their room is given back a part at a time, between
    /// which requests are recorded as ever.
    /// </summary>
    /// <param name="rowsFrom">What is kept of rows.</param>
    /// <param name="sumsFrom">What is kept of sums.</param>
    /// <param name="progress">Told how many rows have gone so far, after each part.</param>
    /// <param name="cancellationToken">Gives up between two parts; the next call goes on.</param>
    ValueTask<RetentionResult> RetainAsync(
        DateTimeOffset rowsFrom, DateTimeOffset sumsFrom, Action<long> progress, CancellationToken cancellationToken);

    /// <summary>
    /// Prices the rows that a query asks for anew, and with <paramref name="apply"/> keeps that: rows, hourly sums and roll-ups change
    /// together, a part of the rows at a time. Cut short, the rest has its old price; done again, it goes on.
    /// </summary>
    /// <param name="query">Which rows; paging is ignored.</param>
    /// <param name="price">What a row costs.</param>
    /// <param name="apply">Whether anything is changed.</param>
    /// <param name="cancellationToken">Gives up between two parts.</param>
    ValueTask<RepricedTotals> RepriceAsync(UsageQuery query, Func<UsageRecord, RowPrice> price, bool apply, CancellationToken cancellationToken);

    /// <summary>Reads everything back: damaged rows, and sums that do not equal their rows. Empty when all is well.</summary>
    ValueTask<ImmutableArray<string>> VerifyAsync(CancellationToken cancellationToken);
}

/// <summary>A finished request with its place in the journal, by which the ledger knows what it has already.</summary>
/// <param name="Sequence">Grows by one with every finished request of this state directory; from 1.</param>
/// <param name="Record">The row.</param>
internal sealed record JournalledRecord(long Sequence, UsageRecord Record);

/// <summary>What <see cref="IUsageLedger.RetainAsync"/> dropped.</summary>
internal sealed record RetentionResult(long Rows, long Sums);
