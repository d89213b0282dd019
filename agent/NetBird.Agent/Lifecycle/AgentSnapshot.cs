using NetBird.Agent.Endpoint;
using NetBird.Agent.Lifecycle.States;

namespace NetBird.Agent.Lifecycle;

/// <summary>The state with the facts it was decided from; what everyone outside the supervisor sees.</summary>
internal sealed record AgentSnapshot(AgentState State, AgentFacts Facts)
{
    public string Reason => State.Reason(Facts);

    public EndpointRefusal? Refusal => State.Refusal(Facts);
}
