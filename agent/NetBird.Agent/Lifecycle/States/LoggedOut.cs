using NetBird.Agent.Endpoint;

namespace NetBird.Agent.Lifecycle.States;

/// <summary>Nobody is logged in here: a fresh machine, or after <c>logout</c>.</summary>
internal sealed class LoggedOut : AgentState
{
    public override string Name => "logged_out";

    public override StateReason Reason(AgentFacts facts) => new(
        "Nobody is logged in on this machine.",
        facts.ManagementUrl is null ? "netbird-agent up --management-url https://YOUR-CONTROL-PLANE" : "netbird-agent up");

    public override EndpointRefusal? Refusal(AgentFacts facts) => EndpointRefusal.Blocked(Reason(facts).ToString());

    public override AgentState Next(AgentFacts facts) => Barrier(facts) ?? Connecting;
}
