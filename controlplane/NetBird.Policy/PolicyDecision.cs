using System.Collections.Immutable;
using NetBird.Primitives;

namespace NetBird.Policy;

/// <summary>The answer to one request before its caps are asked. Only <see cref="Allowed"/> may go on.</summary>
public abstract record PolicyDecision
{
    private PolicyDecision()
    {
    }

    /// <summary>
    /// The request may go on under the first of <paramref name="Candidates"/> whose caps all have room;
    /// it is charged to that one.
    /// </summary>
    public sealed record Allowed(ImmutableArray<Candidate> Candidates) : PolicyDecision;

    /// <summary>The request stops here.</summary>
    /// <param name="Reason">Which rule.</param>
    /// <param name="Explanation">A sentence for the person: what happened and whom to ask.</param>
    public sealed record Denied(DenyReason Reason, string Explanation) : PolicyDecision;
}

/// <summary>One way a request may be allowed: a policy, the group it is charged to, and every cap that must hold.</summary>
/// <param name="Policy">The policy.</param>
/// <param name="PolicyName">Its name, for refusals.</param>
/// <param name="Group">The source group the request is attributed to.</param>
/// <param name="Provider">Where it goes.</param>
/// <param name="Caps">Caps of the policy and of every budget rule that applies. Empty: unlimited.</param>
/// <param name="Capture">Prompt capture asked for by a guardrail, or null.</param>
public sealed record Candidate(
    PolicyId Policy,
    string PolicyName,
    GroupId Group,
    ProviderId Provider,
    ImmutableArray<Limits.Cap> Caps,
    PromptCapture? Capture = null);

/// <summary>Prompts are kept, sealed, for audit.</summary>
/// <param name="RedactPii">Personal data is taken out before anything is written.</param>
public sealed record PromptCapture(bool RedactPii);

/// <summary>Closed set, stored and sent as its snake_case name. Add at the end; never renumber.</summary>
public enum DenyReason
{
    /// <summary>No enabled policy connects the caller's groups to a provider that serves this.</summary>
    NoMatchingPolicy = 1,

    /// <summary>Policies match, but none allows this model.</summary>
    ModelNotAllowed = 2,

    /// <summary>A cap is reached.</summary>
    LimitReached = 3,

    /// <summary>We cannot decide; closed.</summary>
    CheckFailed = 4,

    /// <summary>The overlay address belongs to no enrolled peer.</summary>
    NotEnrolled = 5,

    /// <summary>The login of the peer ended.</summary>
    LoginExpired = 6,

    /// <summary>The person or peer is disabled or blocked.</summary>
    Disabled = 7,

    /// <summary><c>max_tokens</c> is over a guardrail's ceiling.</summary>
    MaxTokensTooHigh = 8,

    /// <summary>This call of the API is not offered.</summary>
    CallNotOffered = 9,

    /// <summary>The body could not be read as what it claims to be.</summary>
    Malformed = 10,

    /// <summary>The provider refused our key.</summary>
    ProviderKeyRefused = 11,

    /// <summary>The provider could not be reached.</summary>
    ProviderUnreachable = 12,
}
