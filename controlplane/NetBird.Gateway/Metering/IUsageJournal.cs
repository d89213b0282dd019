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
    void Note(UsageRecord record);

    /// <summary>The final row; replaces what <see cref="BeginAsync"/> noted. Called once for every request, refused ones too.</summary>
    ValueTask CompleteAsync(UsageRecord record);
}
