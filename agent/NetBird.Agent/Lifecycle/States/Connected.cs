using NetBird.Agent.Endpoint;

namespace NetBird.Agent.Lifecycle.States;

/// <summary>Everything works.</summary>
internal sealed class Connected : AgentState
{
    public override string Name => "connected";

    public override bool Syncs(AgentFacts facts) => true;

    public override bool Tunnels => true;

    public override StateReason Reason(AgentFacts facts)
        => facts is { RenewalProblem: { } problem, LoginExpiresAt: { } end } && end - facts.Now < TimeSpan.FromHours(1)
            ? new($"The login ends at {end.ToLocalTime():HH:mm} and is not renewed by itself: {problem}", "netbird-agent login")
            : new("");

    public override EndpointRefusal? Refusal(AgentFacts facts) => null;

    public override AgentState Next(AgentFacts facts)
        => Barrier(facts) ?? (facts.TunnelOpen ? Established(facts) : Connecting);
}
