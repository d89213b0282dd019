namespace NetBird.WireGuard;

/// <summary>Brings a tunnel up with the adapter that was asked for, or the best that works here.</summary>
public static class Tunnel
{
    /// <summary>Opens the interface; it is up and routed when this returns.</summary>
    /// <exception cref="TunnelException">It cannot be opened; the message says why and what to do.</exception>
    public static Task<ITunnel> OpenAsync(TunnelOptions options, CancellationToken cancellationToken)
        => throw new NotImplementedException();
}

/// <summary>A tunnel could not be brought up. The message is for people: what failed and what to do.</summary>
public sealed class TunnelException : Exception
{
    /// <summary>With a message that says what to do.</summary>
    public TunnelException(string message)
        : base(message)
    {
    }

    /// <summary>With the cause.</summary>
    public TunnelException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
