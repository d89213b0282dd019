using NetBird.Agent.Endpoint;

namespace NetBird.Agent.Lifecycle.States;

/// <summary>Nobody is logged in here: a fresh machine, or after <c>logout</c>.</summary>
internal sealed class LoggedOut : AgentState
{
    public override string Name => "logged_out";

    public override string Reason(AgentFacts facts) => facts.ManagementUrl is null
        ? "Nobody is logged in on this machine. Run: netbird-agent up --management-url https://YOUR-CONTROL-PLANE"
        : "Nobody is logged in on this machine. Run: netbird-agent up";

    public override EndpointRefusal? Refusal(AgentFacts facts) => EndpointRefusal.Blocked(Reason(facts));

    public override AgentState Next(AgentFacts facts) => Barrier(facts) ?? Connecting;
}
