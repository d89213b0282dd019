namespace NetBird.Agent.Lifecycle;

/// <summary>Where this machine stands with the control plane.</summary>
internal enum LoginStanding
{
    /// <summary>Never enrolled, or logged out.</summary>
    None,

    /// <summary>Enrolled, and nothing says otherwise. Only the control plane's word ends it, never our own clock.</summary>
    Valid,

    /// <summary>The login ended and was not renewed.</summary>
    Expired,

    /// <summary>An administrator removed the machine.</summary>
    Removed,

    /// <summary>The person or machine is disabled.</summary>
    Blocked,
}
