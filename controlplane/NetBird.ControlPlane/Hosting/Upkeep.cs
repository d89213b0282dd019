namespace NetBird.ControlPlane.Hosting;

/// <summary>Of work that goes on beside requests for as long as the process lives.</summary>
internal static class Upkeep
{
    /// <summary>
    /// Whether a failure is the end that was asked for. Any other is said, and the work tried again: a host whose background work throws
    /// is stopped, and with it everything that people use.
    /// </summary>
    public static bool Ends(this CancellationToken stopping, Exception failed)
        => stopping.IsCancellationRequested && failed is OperationCanceledException;
}
