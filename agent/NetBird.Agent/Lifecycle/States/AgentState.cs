using NetBird.Agent.Endpoint;

namespace NetBird.Agent.Lifecycle.States;

/// <summary>
/// One state of the agent: what it is called, what runs in it, what people and Claude Code are told, and which state
/// the facts lead to. States hold nothing; the facts do.
/// </summary>
internal abstract class AgentState
{
    /// <summary>Ours: how long a silence may be a passing one before people are told what could block the way.</summary>
    private static readonly TimeSpan Passing = TimeSpan.FromSeconds(10);

    public static readonly AgentState LoggedOut = new LoggedOut();
    public static readonly AgentState LoginNeeded = new LoginNeeded();
    public static readonly AgentState Down = new Down();
    public static readonly AgentState Connecting = new Connecting();
    public static readonly AgentState Connected = new Connected();
    public static readonly AgentState Degraded = new Degraded();

    /// <summary>The name of contracts.md and daemon.proto.</summary>
    public abstract string Name { get; }

    /// <summary>Whether the sync stream is kept open.</summary>
    public virtual bool Syncs(AgentFacts facts) => false;

    /// <summary>Whether the tunnel is kept up.</summary>
    public virtual bool Tunnels => false;

    /// <summary>Why we are here and what to do; empty when all is well.</summary>
    public abstract StateReason Reason(AgentFacts facts);

    /// <summary>What the endpoint answers instead of forwarding; null forwards.</summary>
    public abstract EndpointRefusal? Refusal(AgentFacts facts);

    /// <summary>The state the facts lead to, this one when nothing changes.</summary>
    public abstract AgentState Next(AgentFacts facts);

    /// <summary>What stands in the way of any connection, first things first; null when nothing does.</summary>
    protected static AgentState? Barrier(AgentFacts facts) => facts switch
    {
        { ManagementUrl: null } or { Login: LoginStanding.None } => LoggedOut,
        { Login: not LoginStanding.Valid } => LoginNeeded,
        { WantUp: false } => Down,
        _ => null,
    };

    /// <summary>The state of a machine with nothing in its way.</summary>
    protected static AgentState Established(AgentFacts facts)
        => facts.SyncConnected && facts.GatewayAnswers && facts.EndpointProblem is null ? Connected : Degraded;

    /// <summary>What to say of a tunnel that is open and unanswered.</summary>
    /// <param name="passing">What to say of the gateways at these addresses while the silence may be a passing one.</param>
    protected static StateReason SilenceOf(AgentFacts facts, Func<string, StateReason> passing)
    {
        var where = string.Join(", ", facts.Map?.Gateways.Select(gateway => $"{gateway.Host}:{gateway.Port}") ?? []);
        if (facts.GatewayHangs)
        {
            return new($"The gateway at {where} takes connections and answers nothing: its program hangs, or has too much to do. It is asked again by itself; if it stays so, tell your administrator.");
        }

        return facts.SilentSince is { } since && facts.Now - since >= Passing
            ? new($"The gateway at {where} does not answer over UDP. It may be down, or a firewall may drop UDP.", "netbird-agent doctor")
            : passing(where);
    }
}
