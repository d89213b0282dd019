using NetBird.Agent.Endpoint;

namespace NetBird.Agent.Lifecycle.States;

/// <summary>On the way: the network map, then the tunnel, then a first answer through it.</summary>
internal sealed class Connecting : AgentState
{
    public override string Name => "connecting";

    public override bool Syncs(AgentFacts facts) => true;

    public override bool Tunnels => true;

    public override StateReason Reason(AgentFacts facts) => facts switch
    {
        { TunnelProblem: { } problem } => new(problem),
        { Map: null, SyncProblem: { } problem } => new($"{problem} It is tried again; nothing to do unless it stays so."),
        { Map: null } => new("Asking the control plane for the network map."),
        { Map.Gateways.Count: 0 } => new("The account has no gateway yet. Ask your administrator."),
        { TunnelOpen: false } => new("Opening the tunnel."),
        _ => SilenceOf(facts, where => new($"Waiting for the gateway at {where} to answer.")),
    };

    public override EndpointRefusal? Refusal(AgentFacts facts)
        => EndpointRefusal.Unavailable("The tunnel is not up yet. " + Reason(facts) + " See: netbird-agent status");

    public override AgentState Next(AgentFacts facts)
        => Barrier(facts) ?? (facts.TunnelOpen && facts.GatewayAnswers ? Established(facts) : this);
}
