namespace NetBird.Agent.Endpoint;

/// <summary>How a request that was forwarded ended.</summary>
internal enum Forwarded
{
    /// <summary>The gateway answered, or the caller left.</summary>
    Answered,

    /// <summary>The gateway ended the connection; it may have told why on the other way, to the daemon.</summary>
    CutOff,

    /// <summary>The caller's body is not valid HTTP.</summary>
    Malformed,

    /// <summary>No connection came about, or nothing was heard on it.</summary>
    Silent,
}
