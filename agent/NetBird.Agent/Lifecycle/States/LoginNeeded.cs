using NetBird.Agent.Endpoint;

namespace NetBird.Agent.Lifecycle.States;

/// <summary>The machine was enrolled, and the control plane will not serve it as it stands.</summary>
internal sealed class LoginNeeded : AgentState
{
    public override string Name => "login_needed";

    /// <summary>A block may be lifted, so it is asked for again; nothing else ends without a login.</summary>
    public override bool Syncs(AgentFacts facts) => facts.Login == LoginStanding.Blocked && facts.WantUp;

    public override StateReason Reason(AgentFacts facts) => facts.Login switch
    {
        LoginStanding.Blocked => new($"{Sentence(facts.LoginDetail)} Ask your administrator; when it is lifted, the tunnel comes back by itself."),
        LoginStanding.Expired when facts is { RenewalProblem: { } problem, RenewalGoesOn: true } =>
            new($"{Sentence(facts.LoginDetail)} {Sentence(problem)} It is tried again by itself.", "netbird-agent login", Lead: "To log in anew, run:"),
        _ => new(Sentence(facts.LoginDetail), "netbird-agent login"),
    };

    public override EndpointRefusal? Refusal(AgentFacts facts) => EndpointRefusal.Blocked(Reason(facts).ToString());

    public override AgentState Next(AgentFacts facts) => Barrier(facts) ?? Connecting;

    private static string Sentence(string detail)
        => detail.Length == 0 ? "The login has ended." : detail.TrimEnd('.', ' ') + ".";
}
