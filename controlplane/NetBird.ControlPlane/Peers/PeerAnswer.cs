using NetBird.ControlPlane.Groups;
using NetBird.ControlPlane.Store;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Peers;

/// <summary>A machine as REST gives it.</summary>
internal sealed record PeerAnswer(
    PeerId Id,
    string Name,
    string Ip,
    string PublicKey,
    bool Connected,
    DateTimeOffset? LastSeen,
    string Os,
    string Version,
    string Hostname,
    string TunnelKind,
    UserId UserId,
    string UserEmail,
    SetupKeyId? SetupKeyId,
    IEnumerable<GroupRef> Groups,
    bool Ephemeral,
    bool ApprovalRequired,
    bool Blocked,
    bool LoginExpirationEnabled,
    bool LoginExpired,
    DateTimeOffset? LoginExpiresAt,
    DateTimeOffset? LastLogin,
    DateTimeOffset CreatedAt)
{
    public static PeerAnswer Of(Configuration configuration, Peer peer, PeerActivity activity, DateTimeOffset now) => new(
        peer.Id,
        peer.Name,
        peer.OverlayAddress.ToString(),
        peer.PublicKey.ToString(),
        activity.IsConnected(peer.Id),
        activity.LastSeen(peer),
        peer.Os,
        peer.AgentVersion,
        peer.Hostname,
        peer.TunnelKind,
        peer.User,
        configuration.Users.GetValueOrDefault(peer.User)?.DisplayName() ?? "",
        peer.SetupKey,
        configuration.GroupsOf(peer).Select(id => new GroupRef(id, configuration.Groups[id].Name)),
        peer.Ephemeral,
        !peer.Approved,
        peer.Blocked,
        peer.LoginExpiresAt is not null,
        peer.LoginExpiresAt <= now,
        peer.LoginExpiresAt,
        peer.LastLogin,
        peer.CreatedAt);
}

/// <summary>A group by id and name.</summary>
internal sealed record GroupRef(GroupId Id, string Name);
