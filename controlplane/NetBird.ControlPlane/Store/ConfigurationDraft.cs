using System.Collections.Immutable;
using NetBird.ControlPlane.Account;
using NetBird.ControlPlane.Audit;
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
/// A change in the making: reads see what it did so far, writes go to it alone. It becomes the next version whole or
/// not at all. The function that fills it may run more than once (another process committed first), so it does nothing
/// but read and fill.
/// </summary>
internal sealed class ConfigurationDraft
{
    private readonly List<AuditNote> _notes = [];

    public ConfigurationDraft(Configuration basis)
    {
        Basis = basis;
        Settings = new("settings", basis.Settings is { } settings && basis.Version > 0
            ? ImmutableDictionary<SettingsId, AccountSettings>.Empty.Add(SettingsId.Account, settings)
            : ImmutableDictionary<SettingsId, AccountSettings>.Empty);
        Groups = new("group", basis.Groups);
        Users = new("user", basis.Users);
        Peers = new("peer", basis.Peers);
        SetupKeys = new("setup_key", basis.SetupKeys);
        Providers = new("provider", basis.Providers);
        Policies = new("policy", basis.Policies);
        Guardrails = new("guardrail", basis.Guardrails);
        BudgetRules = new("budget_rule", basis.BudgetRules);
        AccessTokens = new("access_token", basis.AccessTokens);
        Gateways = new("gateway", basis.Gateways);
        LimitRaises = new("limit_raise", basis.LimitRaises);
        Webhooks = new("webhook", basis.Webhooks);
        EndedSessions = new("ended_session", basis.EndedSessions);
    }

    /// <summary>What the change starts from.</summary>
    public Configuration Basis { get; }

    public DraftTable<SettingsId, AccountSettings> Settings { get; }

    public DraftTable<GroupId, Group> Groups { get; }

    public DraftTable<UserId, User> Users { get; }

    public DraftTable<PeerId, Peer> Peers { get; }

    public DraftTable<SetupKeyId, SetupKey> SetupKeys { get; }

    public DraftTable<ProviderId, Provider> Providers { get; }

    public DraftTable<PolicyId, PolicyRecord> Policies { get; }

    public DraftTable<GuardrailId, GuardrailRecord> Guardrails { get; }

    public DraftTable<BudgetRuleId, BudgetRuleRecord> BudgetRules { get; }

    public DraftTable<AccessTokenId, AccessToken> AccessTokens { get; }

    public DraftTable<GatewayId, GatewayRecord> Gateways { get; }

    public DraftTable<LimitRaiseId, LimitRaiseRecord> LimitRaises { get; }

    public DraftTable<WebhookId, Webhook> Webhooks { get; }

    public DraftTable<SessionId, EndedSession> EndedSessions { get; }

    /// <summary>Set by <see cref="Abandon"/>.</summary>
    public bool IsAbandoned { get; private set; }

    /// <summary>Explicit audit entries of this change.</summary>
    public IReadOnlyList<AuditNote> Notes => _notes;

    private IDraftTable[] Tables =>
    [
        Settings, Groups, Users, Peers, SetupKeys, Providers, Policies, Guardrails, BudgetRules, AccessTokens, Gateways, LimitRaises, Webhooks,
        EndedSessions,
    ];

    /// <summary>The machine that holds this tunnel key as the change has it now, or null.</summary>
    public Peer? FindPeer(PublicKey key) => Peers.FindBy(Basis.FindPeer(key)?.Id, peer => peer.PublicKey == key);

    /// <summary>Whether a machine or a gateway has this overlay address as the change has it now.</summary>
    public bool IsTaken(uint address)
        => Basis.IsTaken(address)
            || Peers.Touched.Any(id => Peers.Find(id) is { } peer && OverlayAddresses.NumberOf(peer.OverlayAddress) == address)
            || Gateways.All.Any(gateway => OverlayAddresses.NumberOf(gateway.OverlayAddress) == address);

    /// <summary>The person an issuer knows by this subject as the change has it now, or null.</summary>
    public User? FindUser(string issuer, string subject)
        => Users.FindBy(Basis.FindUser(issuer, subject)?.Id, user => user.Issuer == issuer && user.Subject == subject);

    /// <summary>Nothing of this change is to happen; what the function returns says why.</summary>
    public void Abandon() => IsAbandoned = true;

    /// <summary>Audits something that is no change of a record: a login, a refused login, a backup.</summary>
    public void Note(AuditNote note) => _notes.Add(note);

    /// <summary>Takes back what the change put without changing more than the time of modification.</summary>
    public void KeepUnchanged()
    {
        foreach (var table in Tables)
        {
            table.KeepUnchanged();
        }
    }

    /// <summary>Records whose stored form differs from <see cref="Basis"/>.</summary>
    public List<DocumentChange> Changes() => [.. Tables.SelectMany(table => table.Changes())];

    public Configuration ToConfiguration(long version) => Configuration.After(this, version);

    /// <summary>The step from <see cref="Basis"/> to what this became.</summary>
    public ConfigurationChange ChangeTo(Configuration now) => new(Basis, now, Peers.Touched, Users.Touched);
}
