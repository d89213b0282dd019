using System.Collections.Immutable;
using NetBird.Primitives;

namespace NetBird.Policy;

/// <summary>Who a request is from, as the tunnel proved it.</summary>
/// <param name="User">The person, or the service user of a machine that enrolled by setup key.</param>
/// <param name="Name">Shown in usage and refusals; an e-mail address where the IdP gave one.</param>
/// <param name="Peer">The machine.</param>
/// <param name="Groups">Every group of the person and of the machine.</param>
public sealed record Caller(UserId User, string Name, PeerId Peer, ImmutableSortedSet<GroupId> Groups);
