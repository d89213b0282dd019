using NetBird.Agent.Enrolment;

namespace NetBird.Agent.Lifecycle;

/// <summary>What is known now; states are decided from it alone. Changed only on the supervisor's loop.</summary>
internal sealed record AgentFacts
{
    public bool WantUp { get; init; }

    public string? ManagementUrl { get; init; }

    public LoginStanding Login { get; init; }

    /// <summary>Why the login does not stand, in the control plane's or our words.</summary>
    public string LoginDetail { get; init; } = "";

    public DateTimeOffset? LoginExpiresAt { get; init; }

    /// <summary>Why the login will not be renewed silently; null while it may be.</summary>
    public string? RenewalProblem { get; init; }

    /// <summary>The renewal that failed is tried again by itself.</summary>
    public bool RenewalGoesOn { get; init; }

    public bool SyncConnected { get; init; }

    /// <summary>Why the control plane is not reached; null while it is, or before the first attempt failed.</summary>
    public string? SyncProblem { get; init; }

    public OverlayMap? Map { get; init; }

    public bool TunnelOpen { get; init; }

    public string? TunnelProblem { get; init; }

    /// <summary>A gateway answers through the tunnel.</summary>
    public bool GatewayAnswers { get; init; }

    /// <summary>None answers, and one takes connections all the same.</summary>
    public bool GatewayHangs { get; init; }

    /// <summary>Since when no gateway answers though the tunnel is open.</summary>
    public DateTimeOffset? SilentSince { get; init; }

    /// <summary>Why the local endpoint does not listen; null while it does.</summary>
    public string? EndpointProblem { get; init; }

    /// <summary>Now, so that states need no clock.</summary>
    public DateTimeOffset Now { get; init; }
}
