using System.Collections.Immutable;
using System.Net;
using NetBird.ControlPlane.Store;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Peers;

/// <summary>An enrolled machine: a tunnel key bound to a person or to a setup key's groups.</summary>
internal sealed record Peer : IDocument<PeerId>
{
    public required PeerId Id { get; init; }

    /// <summary>Shown to people; the host name until an admin renames it.</summary>
    public required string Name { get; init; }

    public required PublicKey PublicKey { get; init; }

    /// <summary>Address in the overlay; no two peers share one.</summary>
    public required IPAddress OverlayAddress { get; init; }

    /// <summary>Its owner: a person, or the service user of the setup key.</summary>
    public required UserId User { get; init; }

    /// <summary>The setup key it came by, or null for a person's machine.</summary>
    public SetupKeyId? SetupKey { get; init; }

    /// <summary>Groups of the machine itself, beside those of its person.</summary>
    public ImmutableSortedSet<GroupId> Groups { get; init; } = [];

    /// <summary>False while an admin has to approve it first (<see cref="Account.AccountSettings.PeerApprovalRequired"/>).</summary>
    public bool Approved { get; init; } = true;

    public bool Blocked { get; init; }

    /// <summary>When the person has to log in again; null: never (setup keys).</summary>
    public DateTimeOffset? LoginExpiresAt { get; init; }

    public DateTimeOffset? LastLogin { get; init; }

    /// <summary>Last sign of life that was written down; written at most every few minutes.</summary>
    public DateTimeOffset? LastSeen { get; init; }

    public string Hostname { get; init; } = "";

    /// <summary><c>linux</c>, <c>windows</c> or <c>macos</c>.</summary>
    public string Os { get; init; } = "";

    public string AgentVersion { get; init; } = "";

    /// <summary><c>kernel</c>, <c>userspace</c> or <c>rootless</c>.</summary>
    public string TunnelKind { get; init; } = "";

    /// <summary>Goes when it falls silent.</summary>
    public bool Ephemeral { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    string IDocument.Label => Name;
}
