using NetBird.Agent.Endpoint;

namespace NetBird.Agent.Lifecycle.States;

/// <summary>Something is wrong that is being mended: requests may still pass, and are tried.</summary>
internal sealed class Degraded : AgentState
{
    public override string Name => "degraded";

    public override bool Syncs(AgentFacts facts) => true;

    public override bool Tunnels => true;

    public override StateReason Reason(AgentFacts facts) => facts switch
    {
        { EndpointProblem: { } problem } => new(problem),
        { TunnelProblem: { } problem } => new(problem),
        { GatewayAnswers: false } => SilenceOf(facts, where => new(
            $"The gateway at {where} does not answer. The connection is being made again; try again in a moment.", "netbird-agent doctor", Lead: "If it stays so, run:")),
        { SyncProblem: { } problem } => new($"{problem} Requests go on passing while the gateway answers; the control plane is tried again by itself."),
        _ => new("The control plane is being reached again. Requests go on passing."),
    };

    /// <summary>Requests are tried: a gateway that came back a moment ago is found by the attempt itself.</summary>
    public override EndpointRefusal? Refusal(AgentFacts facts) => null;

    public override AgentState Next(AgentFacts facts)
        => Barrier(facts) ?? (facts.TunnelOpen ? Established(facts) : Connecting);
}
