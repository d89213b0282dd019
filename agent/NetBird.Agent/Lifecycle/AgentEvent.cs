using NetBird.Agent.Enrolment;
using NetBird.Agent.Store;

namespace NetBird.Agent.Lifecycle;

/// <summary>Everything that can happen to the agent, in the order it arrives at the supervisor.</summary>
internal abstract record AgentEvent
{
    private AgentEvent()
    {
    }

    /// <summary>Settings or enrolment changed in the store.</summary>
    internal sealed record StoreChanged(AgentSettings Settings, EnrolledPeer? Enrolment, bool FreshLogin) : AgentEvent;

    internal sealed record SyncChanged(SyncNews News) : AgentEvent;

    /// <summary>A silent renewal failed; <paramref name="Problem"/> is null when it succeeded.</summary>
    internal sealed record RenewalEnded(string? Problem, DateTimeOffset? LoginExpiresAt, bool IsFinal = false) : AgentEvent;

    /// <summary>Somebody waits: a request came while the login is over.</summary>
    internal sealed record Asked : AgentEvent;

    /// <summary>The endpoint listens, or not and why.</summary>
    internal sealed record EndpointChanged(string? Problem) : AgentEvent;

    /// <summary>An interface, address or route changed, or the machine woke.</summary>
    internal sealed record NetworkMoved : AgentEvent;

    /// <summary>Completes <paramref name="Reached"/> when every event before it was handled.</summary>
    internal sealed record Marker(TaskCompletionSource Reached) : AgentEvent;

    /// <summary>Look at the tunnel again.</summary>
    internal sealed record Tick : AgentEvent;
}
