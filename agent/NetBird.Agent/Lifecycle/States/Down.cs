using NetBird.Agent.Endpoint;

namespace NetBird.Agent.Lifecycle.States;

/// <summary>Logged in, and the person took the tunnel down.</summary>
internal sealed class Down : AgentState
{
    public override string Name => "down";

    public override StateReason Reason(AgentFacts facts) => new("The tunnel was taken down.", "netbird-agent up");

    public override EndpointRefusal? Refusal(AgentFacts facts) => EndpointRefusal.Unavailable(Reason(facts).ToString());

    public override AgentState Next(AgentFacts facts) => Barrier(facts) ?? Connecting;
}
