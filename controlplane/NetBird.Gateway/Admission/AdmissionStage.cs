using NetBird.Gateway.Refusals;
using NetBird.Policy;

namespace NetBird.Gateway.Admission;

/// <summary>Stage 1: overlay source address to peer to person. No header takes part. What it does not know, it refuses.</summary>
internal sealed class AdmissionStage(TimeProvider time)
{
    public Refusal? Admit(GatewayCall call)
    {
        if (call.Snapshot is not { } snapshot)
        {
            return Refusal.CannotDecide("The gateway has not yet received its configuration.");
        }

        if (!snapshot.Peers.TryGetValue(call.Address, out var peer))
        {
            return Refusal.Because(DenyReason.NotEnrolled, $"This machine is not enrolled with {snapshot.AccountName}. Run \"netbird-agent up\".");
        }

        call.Peer = peer;
        return peer.Standing switch
        {
            PeerStanding.Active when peer.LoginExpiresAt <= time.GetUtcNow() => Refusal.Because(
                DenyReason.LoginExpired, $"Your login ended at {RefusalText.Time(peer.LoginExpiresAt.Value)}. Run \"netbird-agent login\"."),
            PeerStanding.Active => null,
            PeerStanding.Blocked => Refusal.Because(DenyReason.Disabled, "This machine is blocked or waits for approval."),
            _ => Refusal.Because(DenyReason.Disabled, "Your access is disabled."),
        };
    }

    /// <summary>
    /// Why a call in flight may not go on under a newer snapshot, or null when it may: its person or machine is gone or
    /// disabled, or is in no group any more that a policy lets to the provider. What else a policy says holds from the next request.
    /// </summary>
    public static DenyReason? StillAdmitted(GatewaySnapshot snapshot, GatewayCall call)
    {
        var admitted = call.Peer!.Caller; // only admitted calls are in flight
        if (!snapshot.Peers.TryGetValue(call.Address, out var now)
            || now.Caller.Peer != admitted.Peer || now.Caller.User != admitted.User)
        {
            return DenyReason.NotEnrolled;
        }

        if (now.Standing != PeerStanding.Active)
        {
            return DenyReason.Disabled;
        }

        return call.Charged is { } charged && !snapshot.Policies.Policies.Any(policy =>
            policy.Enabled && policy.Providers.Contains(charged.Provider) && policy.SourceGroups.Overlaps(now.Caller.Groups))
            ? DenyReason.NoMatchingPolicy
            : null;
    }
}
