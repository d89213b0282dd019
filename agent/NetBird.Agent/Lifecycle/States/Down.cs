using NetBird.Agent.Endpoint;

namespace NetBird.Agent.Lifecycle.States;

/// <summary>Logged in, and the person took the tunnel down.</summary>
internal sealed class Down : AgentState
{
    public override string Name => "down";

    public override string Reason(AgentFacts facts) => "The tunnel was taken down. Run: netbird-agent up";

    public override EndpointRefusal? Refusal(AgentFacts facts) => EndpointRefusal.Unavailable(Reason(facts));

    public override AgentState Next(AgentFacts facts) => Barrier(facts) ?? Connecting;
}
