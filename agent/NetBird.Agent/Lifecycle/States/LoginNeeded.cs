using NetBird.Agent.Endpoint;

namespace NetBird.Agent.Lifecycle.States;

/// <summary>The machine was enrolled, and the control plane will not serve it as it stands.</summary>
internal sealed class LoginNeeded : AgentState
{
    public override string Name => "login_needed";

    /// <summary>A block may be lifted, so it is asked for again; nothing else ends without a login.</summary>
    public override bool Syncs(AgentFacts facts) => facts.Login == LoginStanding.Blocked && facts.WantUp;

    public override string Reason(AgentFacts facts) => facts.Login switch
    {
        LoginStanding.Blocked => $"{Sentence(facts.LoginDetail)} Ask your administrator; when it is lifted, the tunnel comes back by itself.",
        LoginStanding.Expired when facts is { RenewalProblem: { } problem, RenewalGoesOn: true } =>
            $"{Sentence(facts.LoginDetail)} {Sentence(problem)} It is tried again by itself; to log in anew, run: netbird-agent login",
        _ => $"{Sentence(facts.LoginDetail)} Run: netbird-agent login",
    };

    public override EndpointRefusal? Refusal(AgentFacts facts) => EndpointRefusal.Blocked(Reason(facts));

    public override AgentState Next(AgentFacts facts) => Barrier(facts) ?? Connecting;

    private static string Sentence(string detail)
        => detail.Length == 0 ? "The login has ended." : detail.TrimEnd('.', ' ') + ".";
}
