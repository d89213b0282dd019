using System.Collections.Immutable;
using NetBird.ControlPlane.Account;
using NetBird.ControlPlane.Gateways;
using NetBird.ControlPlane.Groups;
using NetBird.ControlPlane.Identity.Web;
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

    private ImmutableDictionary<PublicKey, Peer> _peersByKey = Map<PublicKey, Peer>();
    private ImmutableDictionary<uint, Peer> _peersByAddress = Map<uint, Peer>();
    private ImmutableDictionary<(string Issuer, string Subject), User> _usersBySubject = Map<(string Issuer, string Subject), User>();
    private ImmutableDictionary<string, AccessToken> _tokensByHash = Map<string, AccessToken>();
    private ImmutableDictionary<string, SetupKey> _setupKeysByHash = Map<string, SetupKey>();

    private Configuration()
    {
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

    /// <summary>Signed out before their time, until they would have ended by themselves.</summary>
    public ImmutableDictionary<SessionId, EndedSession> EndedSessions { get; init; } = Map<SessionId, EndedSession>();

    /// <summary>The peer that holds this tunnel key, or null.</summary>
    public Peer? FindPeer(PublicKey key) => _peersByKey.GetValueOrDefault(key);

    /// <summary>Whether a machine has this overlay address, as <see cref="OverlayAddresses.NumberOf"/> counts them.</summary>
    public bool IsTaken(uint address) => _peersByAddress.ContainsKey(address);

    /// <summary>The person an issuer knows by this subject, or null. Never asked by e-mail.</summary>
    public User? FindUser(string issuer, string subject)
        => subject.Length == 0 ? null : _usersBySubject.GetValueOrDefault((issuer, subject));

    /// <summary>A person of the embedded IdP by the name they log in with, or null.</summary>
    public User? FindEmbeddedUser(string email)
        => Users.Values.FirstOrDefault(user => user.Issuer == User.EmbeddedIssuer
            && string.Equals(user.Email, email, StringComparison.OrdinalIgnoreCase));

    /// <summary>Whether the embedded IdP knows anybody who could log in.</summary>
    public bool HasLogins => Users.Values.Any(user => user.Credential is not null);

    /// <summary>The token with this hash, or null; whether it may be used is for the caller to ask.</summary>
    public AccessToken? FindToken(string hash) => _tokensByHash.GetValueOrDefault(hash);

    /// <summary>The setup key with this hash, or null.</summary>
    public SetupKey? FindSetupKey(string hash) => _setupKeysByHash.GetValueOrDefault(hash);

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

    /// <summary>What a change makes of the version it starts from.</summary>
    internal static Configuration After(ConfigurationDraft draft, long version) => new()
    {
        Version = version,
        Settings = draft.Settings.Find(SettingsId.Account) ?? new(),
        Groups = draft.Groups.ToImmutable(),
        Users = draft.Users.ToImmutable(),
        Peers = draft.Peers.ToImmutable(),
        SetupKeys = draft.SetupKeys.ToImmutable(),
        Providers = draft.Providers.ToImmutable(),
        Policies = draft.Policies.ToImmutable(),
        Guardrails = draft.Guardrails.ToImmutable(),
        BudgetRules = draft.BudgetRules.ToImmutable(),
        AccessTokens = draft.AccessTokens.ToImmutable(),
        Gateways = draft.Gateways.ToImmutable(),
        LimitRaises = draft.LimitRaises.ToImmutable(),
        Webhooks = draft.Webhooks.ToImmutable(),
        EndedSessions = draft.EndedSessions.ToImmutable(),
        _peersByKey = RecordIndex.After(draft.Basis._peersByKey, draft.Peers, peer => peer.PublicKey),
        _peersByAddress = RecordIndex.After(draft.Basis._peersByAddress, draft.Peers, peer => OverlayAddresses.NumberOf(peer.OverlayAddress)),
        _usersBySubject = RecordIndex.After(draft.Basis._usersBySubject, draft.Users, user => (user.Issuer, user.Subject)),
        _tokensByHash = RecordIndex.After(draft.Basis._tokensByHash, draft.AccessTokens, token => token.Hash),
        _setupKeysByHash = RecordIndex.After(draft.Basis._setupKeysByHash, draft.SetupKeys, key => key.Hash),
    };

    private static ImmutableDictionary<TId, T> Map<TId, T>()
        where TId : notnull => ImmutableDictionary<TId, T>.Empty;

    private ImmutableSortedSet<GroupId> Existing(ImmutableSortedSet<GroupId> groups)
        => groups.Add(Group.AllId).Where(Groups.ContainsKey).ToImmutableSortedSet();
}
