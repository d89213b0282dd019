using NetBird.Agent.Enrolment;
using NetBird.Agent.Store;

namespace NetBird.Agent.Lifecycle;

/// <summary>What each event does to the facts.</summary>
internal sealed partial class AgentSupervisor
{
    private static AgentFacts Digest(AgentFacts facts, AgentEvent happened) => happened switch
    {
        AgentEvent.StoreChanged stored => facts with
        {
            WantUp = stored.Settings.WantUp,
            ManagementUrl = stored.Settings.ManagementUrl,
            Login = stored.Enrolment is null ? LoginStanding.None
                : stored.FreshLogin || facts.Login == LoginStanding.None ? LoginStanding.Valid
                : facts.Login,
            LoginExpiresAt = stored.Enrolment?.LoginExpiresAt,
            RenewalProblem = NotRenewable(stored.Enrolment) ?? (stored.FreshLogin ? null : facts.RenewalProblem),
            RenewalGoesOn = !stored.FreshLogin && facts.RenewalGoesOn && NotRenewable(stored.Enrolment) is null,
        },
        AgentEvent.SyncChanged { News: var news } => DigestSync(facts, news),
        AgentEvent.RenewalEnded { Problem: { } problem } ended => facts with { RenewalProblem = problem, RenewalGoesOn = !ended.IsFinal },
        AgentEvent.RenewalEnded renewed => facts with
        {
            RenewalProblem = null,
            LoginExpiresAt = renewed.LoginExpiresAt,
            Login = facts.Login == LoginStanding.Expired ? LoginStanding.Valid : facts.Login,
        },
        AgentEvent.EndpointChanged endpoint => facts with { EndpointProblem = endpoint.Problem },
        _ => facts,
    };

    /// <summary>Why a login can never be renewed unseen; null where it may be, or nobody is logged in. Its end is warned of like a failed renewal.</summary>
    private static string? NotRenewable(EnrolledPeer? enrolment)
        => enrolment is { Issuer: { } issuer, RefreshToken: null, TokenInKeyring: false } ? $"The identity provider at {issuer} gave no refresh token." : null;

    private static AgentFacts DigestSync(AgentFacts facts, SyncNews news) => news switch
    {
        SyncNews.Map map => facts with
        {
            Map = map.Value,
            SyncConnected = true,
            SyncProblem = null,
            Login = LoginStanding.Valid,
            LoginExpiresAt = map.Value.LoginExpiresAt,
        },
        SyncNews.Alive => facts with { SyncConnected = true, SyncProblem = null },
        SyncNews.Lost lost => facts with { SyncConnected = false, SyncProblem = lost.Reason },
        SyncNews.Refused refused => facts with
        {
            SyncConnected = false,
            Login = refused.Problem switch
            {
                ControlPlaneProblem.LoginExpired => LoginStanding.Expired,
                ControlPlaneProblem.Blocked => LoginStanding.Blocked,
                _ => LoginStanding.Removed,
            },
            LoginDetail = refused.Reason,
        },
        _ => facts,
    };
}
