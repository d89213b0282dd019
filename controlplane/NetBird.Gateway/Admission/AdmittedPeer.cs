using NetBird.Policy;

namespace NetBird.Gateway.Admission;

/// <summary>A peer as admission sees it.</summary>
/// <param name="Caller">Who it is.</param>
/// <param name="Standing">Whether it may call at all.</param>
/// <param name="LoginExpiresAt">When its login ends, or null when it does not (setup keys).</param>
public sealed record AdmittedPeer(Caller Caller, PeerStanding Standing, DateTimeOffset? LoginExpiresAt);

/// <summary>Whether a peer may call.</summary>
public enum PeerStanding
{
    /// <summary>It may.</summary>
    Active = 1,

    /// <summary>An admin blocked the machine, or has not approved it.</summary>
    Blocked = 2,

    /// <summary>The person is disabled here or at the IdP.</summary>
    UserDisabled = 3,
}
