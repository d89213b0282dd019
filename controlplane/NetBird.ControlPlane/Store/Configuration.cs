using System.Collections.Frozen;
using System.Collections.Immutable;
using NetBird.ControlPlane.Account;
using NetBird.ControlPlane.Gateways;
using NetBird.ControlPlane.Groups;
using NetBird.ControlPlane.Peers;
using NetBird.ControlPlane.Policies;
using NetBird.ControlPlane.Providers;
using NetBird.ControlPlane.Raises;
using NetBird.ControlPlane.Tokens;
using NetBird.ControlPlane.Users;
using NetBird.ControlPlane.Webhooks;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Store;

/// <summary>
/// The whole configuration at one version, immutable: a reader that holds one sees one truth. The maps share what did
/// not change with the version before, so a change costs what it touches and not the size of the account.
/// </summary>
internal sealed class Configuration
{
    public static readonly Configuration Empty = new();

    private readonly Lazy<FrozenDictionary<PublicKey, Peer>> _peersByKey;
    private readonly Lazy<FrozenDictionary<(string Issuer, string Subject), User>> _usersBySubject;
    private readonly Lazy<FrozenDictionary<string, AccessToken>> _tokensByHash;

    public Configuration()
    {
        _peersByKey = new(() => Peers.Values.ToFrozenDictionary(peer => peer.PublicKey));
        _usersBySubject = new(() => Users.Values
            .Where(user => user.Subject.Length > 0)
            .ToFrozenDictionary(user => (user.Issuer, user.Subject)));
        _tokensByHash = new(() => AccessTokens.Values.ToFrozenDictionary(token => token.Hash, StringComparer.Ordinal));
    }

    /// <summary>Grows by one with every commit, over all processes that share the store.</summary>
    public long Version { get; init; }

    public AccountSettings Settings { get; init; } = new();

    public ImmutableDictionary<GroupId, Group> Groups { get; init; } = Map<GroupId, Group>();

    public ImmutableDictionary<UserId, User> Users { get; init; } = Map<UserId, User>();

    public ImmutableDictionary<PeerId, Peer> Peers { get; init; } = Map<PeerId, Peer>();

    public ImmutableDictionary<SetupKeyId, SetupKey> SetupKeys { get; init; } = Map<SetupKeyId, SetupKey>();

    public ImmutableDictionary<ProviderId, Provider> Providers { get; init; } = Map<ProviderId, Provider>();

    public ImmutableDictionary<PolicyId, PolicyRecord> Policies { get; init; } = Map<PolicyId, PolicyRecord>();

    public ImmutableDictionary<GuardrailId, GuardrailRecord> Guardrails { get; init; } = Map<GuardrailId, GuardrailRecord>();

    public ImmutableDictionary<BudgetRuleId, BudgetRuleRecord> BudgetRules { get; init; } = Map<BudgetRuleId, BudgetRuleRecord>();

    public ImmutableDictionary<AccessTokenId, AccessToken> AccessTokens { get; init; } = Map<AccessTokenId, AccessToken>();

    /// <summary>Nodes that terminate tunnels, where several share the store; none with one process.</summary>
    public ImmutableDictionary<GatewayId, GatewayRecord> Gateways { get; init; } = Map<GatewayId, GatewayRecord>();

    public ImmutableDictionary<LimitRaiseId, LimitRaiseRecord> LimitRaises { get; init; } = Map<LimitRaiseId, LimitRaiseRecord>();

    public ImmutableDictionary<WebhookId, Webhook> Webhooks { get; init; } = Map<WebhookId, Webhook>();

    /// <summary>The peer that holds this tunnel key, or null.</summary>
    public Peer? FindPeer(PublicKey key) => _peersByKey.Value.GetValueOrDefault(key);

    /// <summary>The person an issuer knows by this subject, or null. Never asked by e-mail.</summary>
    public User? FindUser(string issuer, string subject) => _usersBySubject.Value.GetValueOrDefault((issuer, subject));

    /// <summary>A person of the embedded IdP by the name they log in with, or null.</summary>
    public User? FindEmbeddedUser(string email)
        => Users.Values.FirstOrDefault(user => user.Issuer == User.EmbeddedIssuer
            && string.Equals(user.Email, email, StringComparison.OrdinalIgnoreCase));

    /// <summary>The token with this hash, or null; whether it may be used is for the caller to ask.</summary>
    public AccessToken? FindToken(string hash) => _tokensByHash.Value.GetValueOrDefault(hash);

    /// <summary>The setup key with this hash, or null.</summary>
    public SetupKey? FindSetupKey(string hash)
        => SetupKeys.Values.FirstOrDefault(key => string.Equals(key.Hash, hash, StringComparison.Ordinal));

    /// <summary>A group by name, whatever the case, or null.</summary>
    public Group? FindGroup(string name)
        => Groups.Values.FirstOrDefault(group => string.Equals(group.Name, name, StringComparison.OrdinalIgnoreCase));

    /// <summary>Every group of a person that still exists, All included.</summary>
    public ImmutableSortedSet<GroupId> GroupsOf(User user) => Existing(user.OwnGroups());

    /// <summary>Every group of a machine and its person, All included.</summary>
    public ImmutableSortedSet<GroupId> GroupsOf(Peer peer)
        => Existing(Users.TryGetValue(peer.User, out var user) ? peer.Groups.Union(user.OwnGroups()) : peer.Groups);

    /// <summary>What a person may do here: their own role or the highest that one of their groups grants.</summary>
    public Role RoleOf(User user)
        => GroupsOf(user).Select(id => Groups[id].GrantsRole ?? Role.User).Append(user.Role).Max();

    /// <summary>How long a login of this person lasts: the shortest their groups set, else the account's; null: for ever.</summary>
    public TimeSpan? LoginExpiryOf(User user)
    {
        var ofGroups = GroupsOf(user).Select(id => Groups[id].LoginExpiry).Where(expiry => expiry is not null).Min();
        return ofGroups ?? (Settings.LoginExpiryEnabled ? Settings.LoginExpiry : null);
    }

    private static ImmutableDictionary<TId, T> Map<TId, T>()
        where TId : notnull => ImmutableDictionary<TId, T>.Empty;

    private ImmutableSortedSet<GroupId> Existing(ImmutableSortedSet<GroupId> groups)
        => groups.Add(Group.AllId).Where(Groups.ContainsKey).ToImmutableSortedSet();
}
