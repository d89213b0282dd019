using System.Collections.Frozen;
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

/// <summary>Every kind of record there is.</summary>
internal static class DocumentKinds
{
    /// <summary>By the name in the store.</summary>
    public static readonly FrozenDictionary<string, DocumentKind> ByName = new DocumentKind[]
    {
        new DocumentKind<SettingsId, AccountSettings>("settings", draft => draft.Settings),
        new DocumentKind<GroupId, Group>("group", draft => draft.Groups),
        new DocumentKind<UserId, User>("user", draft => draft.Users),
        new DocumentKind<PeerId, Peer>("peer", draft => draft.Peers),
        new DocumentKind<SetupKeyId, SetupKey>("setup_key", draft => draft.SetupKeys),
        new DocumentKind<ProviderId, Provider>("provider", draft => draft.Providers),
        new DocumentKind<PolicyId, PolicyRecord>("policy", draft => draft.Policies),
        new DocumentKind<GuardrailId, GuardrailRecord>("guardrail", draft => draft.Guardrails),
        new DocumentKind<BudgetRuleId, BudgetRuleRecord>("budget_rule", draft => draft.BudgetRules),
        new DocumentKind<AccessTokenId, AccessToken>("access_token", draft => draft.AccessTokens),
        new DocumentKind<GatewayId, GatewayRecord>("gateway", draft => draft.Gateways),
        new DocumentKind<LimitRaiseId, LimitRaiseRecord>("limit_raise", draft => draft.LimitRaises),
        new DocumentKind<WebhookId, Webhook>("webhook", draft => draft.Webhooks),
        new DocumentKind<SessionId, EndedSession>("ended_session", draft => draft.EndedSessions),
    }.ToFrozenDictionary(kind => kind.Name, StringComparer.Ordinal);

    /// <summary>Reads stored documents over <paramref name="basis"/>; what becomes of it shares all else with that.</summary>
    /// <exception cref="InvalidDataException">A document cannot be read.</exception>
    public static ConfigurationDraft Load(Configuration basis, IEnumerable<StoredDocument> documents)
    {
        var draft = new ConfigurationDraft(basis);
        foreach (var document in documents)
        {
            if (!ByName.TryGetValue(document.Kind, out var kind))
            {
                if (document.Json is null)
                {
                    continue; // gone again: nothing here knows of it
                }

                throw new InvalidDataException($"The store holds a '{document.Kind}', which this version does not know.");
            }

            kind.Load(draft, document);
        }

        return draft;
    }
}
