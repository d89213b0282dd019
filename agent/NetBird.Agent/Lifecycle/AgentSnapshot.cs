using NetBird.Agent.Endpoint;
using NetBird.Agent.Lifecycle.States;

namespace NetBird.Agent.Lifecycle;

/// <summary>The state with the facts it was decided from; what everyone outside the supervisor sees.</summary>
internal sealed record AgentSnapshot(AgentState State, AgentFacts Facts)
{
    /// <summary>For people; empty when all is well.</summary>
    public string Reason => Why.ToString();

    /// <summary>The same, with what to do apart.</summary>
    public StateReason Why => State.Reason(Facts);

    public EndpointRefusal? Refusal => State.Refusal(Facts);
}
