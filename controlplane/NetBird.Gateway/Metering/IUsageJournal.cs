namespace NetBird.Gateway.Metering;

/// <summary>Where records go. What it accepted survives kill -9.</summary>
public interface IUsageJournal
{
    /// <summary>Notes that a request is about to go to the provider, so that a crash leaves a row and no gap.</summary>
    /// <exception cref="IOException">It cannot be written; the caller refuses the request (closed).</exception>
    ValueTask BeginAsync(UsageRecord record, CancellationToken cancellationToken);

    /// <summary>The final row; replaces what <see cref="BeginAsync"/> noted. Called once for every request, refused ones too.</summary>
    ValueTask CompleteAsync(UsageRecord record);
}
