using NetBird.Primitives;

namespace NetBird.Gateway.Metering;

/// <summary>Where records go. What it accepted survives kill -9.</summary>
public interface IUsageJournal
{
    /// <summary>Notes that a request is about to go to the provider, so that a crash leaves a row and no gap.</summary>
    /// <exception cref="IOException">It cannot be written; the caller refuses the request (closed).</exception>
    ValueTask BeginAsync(UsageRecord record, CancellationToken cancellationToken);

    /// <summary>
    /// Notes what was seen of a request that goes on, so that a crash leaves those figures. May be lost, and does not throw; one that has
    /// ended or never began stays as it is.
    /// </summary>
    /// <param name="record">The request.</param>
    /// <param name="beside">Rows of what is billed beside it.</param>
    void Note(UsageRecord record, IReadOnlyList<UsageRecord> beside);

    /// <summary>The final row; replaces what <see cref="BeginAsync"/> noted. Called once for every request, refused ones too.</summary>
    ValueTask CompleteAsync(UsageRecord record);

    /// <summary>Rows that are to be there once for ever, whoever brings them again: results of batches. Nothing began them.</summary>
    /// <param name="reading">The request that reads them; where counters are shared, those that are new are charged to its reservation with this.</param>
    /// <param name="records">The rows.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Those that were not there.</returns>
    /// <exception cref="IOException">It cannot be told which are there, or they cannot be written; none was added.</exception>
    ValueTask<IReadOnlyList<UsageRecord>> CompleteOnceAsync(RequestId reading, IReadOnlyList<UsageRecord> records, CancellationToken cancellationToken);
}
