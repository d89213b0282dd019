using NetBird.ControlPlane.Account;
using NetBird.ControlPlane.Forms;
using NetBird.ControlPlane.Groups;
using NetBird.ControlPlane.Policies;
using NetBird.ControlPlane.Providers;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Webhooks;
using NetBird.Primitives;

namespace NetBird.ControlPlane.AsCode;

/// <summary>
/// The configuration as one document, in which names stand for ids. A record that the document names becomes what the
/// document says, with defaults for what it leaves out; a section or record it does not name stays as it is, unless
/// the caller prunes.
/// </summary>
internal sealed class ConfigurationDocument(ProviderForm providers, SecretSeal seal, TimeProvider time)
{
    private static readonly Uri NoUpstream = new("http://unset.invalid");

    /// <summary>Puts a document into a draft. Errors are the form's.</summary>
    /// <param name="form">The document.</param>
    /// <param name="draft">What it changes.</param>
    /// <param name="request">How.</param>
    public void Apply(Form form, ConfigurationDraft draft, ApplyRequest request)
    {
        var references = new References(draft, byName: true);
        var now = time.GetUtcNow();
        ApplySettings(form, draft);
        var groups = Section(form, "groups", request.Prune, draft.Groups, group => group.Name, (item, existing) =>
            GroupForm.Read(
                item,
                references,
                (existing ?? new() { Id = GroupId.New(), Name = "", CreatedAt = now, ModifiedAt = now }),
                request.MayGrantRoles));
        Section(form, "providers", request.Prune, draft.Providers, provider => provider.Name, (item, existing) =>
            ReadProvider(item, references, existing, request, now));
        Section(form, "guardrails", request.Prune, draft.Guardrails, guardrail => guardrail.Name, (item, existing) =>
            GuardrailForm.Read(item, references, new()
            {
                Id = existing?.Id ?? GuardrailId.New(), Name = existing?.Name ?? "", CreatedAt = existing?.CreatedAt ?? now, ModifiedAt = existing?.ModifiedAt ?? now,
            }));
        Section(form, "policies", request.Prune, draft.Policies, policy => policy.Name, (item, existing) =>
            PolicyForm.Read(item, references, new()
            {
                Id = existing?.Id ?? PolicyId.New(), Name = existing?.Name ?? "", CreatedAt = existing?.CreatedAt ?? now, ModifiedAt = existing?.ModifiedAt ?? now,
            }));
        Section(form, "budget_rules", request.Prune, draft.BudgetRules, rule => rule.Name, (item, existing) =>
            BudgetRuleForm.Read(item, references, new()
            {
                Id = existing?.Id ?? BudgetRuleId.New(), Name = existing?.Name ?? "", CreatedAt = existing?.CreatedAt ?? now, ModifiedAt = existing?.ModifiedAt ?? now,
            }));
        Section(form, "webhooks", request.Prune, draft.Webhooks, hook => hook.Name, (item, existing) =>
            ReadWebhook(item, draft, existing, request, now));
        RaiseDocument.Apply(form, draft, request.Prune, now);
        form.RefuseUnknown();
        RemovePruned(form, draft, groups);
    }

    private static void ApplySettings(Form form, ConfigurationDraft draft)
    {
        if (form.Part("settings") is { } settings)
        {
            draft.Settings.Put(SettingsForm.Read(settings, draft.Settings.Find(SettingsId.Account) ?? new()));
        }
    }

    /// <summary>Reads one section; answers the ids that pruning takes out, which for groups has to wait for the rest.</summary>
    private static List<TId> Section<TId, T>(
        Form form, string section, bool prune, DraftTable<TId, T> table, Func<T, string> nameOf, Func<Form, T?, T> read)
        where TId : struct, IIdentifier<TId>
        where T : class, IDocument<TId>
    {
        if (form.Parts(section) is not { } items)
        {
            return [];
        }

        var seen = new HashSet<TId>();
        foreach (var item in items)
        {
            item.Require("name");
            var name = item.Text("name", "", maxLength: 128);
            var existing = table.All.FirstOrDefault(record => Names.Same(nameOf(record), name));
            if (existing is not null && seen.Contains(existing.Id))
            {
                item.Fail("name", "This name is there twice.");
            }

            var record = read(item, existing);
            seen.Add(record.Id);

            // Groups put themselves, with their members.
            if (record is not Group)
            {
                table.Put(record);
            }
        }

        var pruned = prune ? table.All.Select(record => record.Id).Where(id => !seen.Contains(id)).ToList() : [];
        if (typeof(T) != typeof(Group))
        {
            pruned.ForEach(id => table.Remove(id));
        }

        return pruned;
    }

    private static void RemovePruned(Form form, ConfigurationDraft draft, List<GroupId> groups)
    {
        // Groups of the identity provider come and go with it.
        foreach (var group in groups.Select(id => draft.Groups[id]).Where(group => group.Id != Group.AllId && group.Source == GroupSource.Api))
        {
            if (GroupRemoval.Objection(draft, group) is { } objection)
            {
                form.Fail("groups", $"'{group.Name}' is not in the document and cannot go: {objection}");
            }
            else
            {
                GroupRemoval.Remove(draft, group.Id);
            }
        }

        foreach (var policy in draft.Policies.All)
        {
            if (policy.Providers.Any(id => !draft.Providers.Contains(id)) || policy.Guardrails.Any(id => !draft.Guardrails.Contains(id)))
            {
                form.Fail("policies", $"The policy '{policy.Name}' names a provider or guardrail that is not in the document.");
            }
        }
    }

    private Webhook ReadWebhook(Form item, ConfigurationDraft draft, Webhook? existing, ApplyRequest request, DateTimeOffset now)
    {
        item.Ignore("secret_env", "secret_file");
        if (item.Has("secret"))
        {
            item.Fail("secret", "A secret does not belong into a document; name its place with secret_env or secret_file.");
        }

        var hook = WebhookForm.Read(
            item,
            draft,
            new()
            {
                Id = existing?.Id ?? WebhookId.New(), Name = existing?.Name ?? "", Url = existing?.Url ?? "", Sealed = existing?.Sealed ?? "",
                CreatedAt = existing?.CreatedAt ?? now, ModifiedAt = existing?.ModifiedAt ?? now,
            },
            seal);
        if (request.SecretOf(hook.Name) is { } secret && seal.UnsealWebhookSecret(hook.Sealed) != secret)
        {
            hook = hook with { Sealed = seal.SealWebhookSecret(secret) };
            if (!WebhookSignature.TryKey(secret, out _))
            {
                item.Fail("secret_env", "This is whsec_ and 24 to 64 bytes in base64.");
            }
        }

        if (hook.Sealed.Length == 0)
        {
            item.Fail("secret_env", "This webhook has no secret yet; name its place with secret_env or secret_file.");
        }

        return hook;
    }

    private Provider ReadProvider(Form item, References references, Provider? existing, ApplyRequest request, DateTimeOffset now)
    {
        var basis = new Provider
        {
            Id = existing?.Id ?? ProviderId.New(),
            Name = existing?.Name ?? "",
            Kind = existing?.Kind ?? "",
            Upstream = existing?.Upstream ?? NoUpstream,
            Enabled = true,
            Keys = existing?.Keys ?? [],
            ReportKey = existing?.ReportKey,
            Models = existing?.Models ?? [],
            CreatedAt = existing?.CreatedAt ?? now,
            ModifiedAt = existing?.ModifiedAt ?? now,
        };
        item.Ignore("api_key_env", "api_key_file");
        if (item.Has("admin_api_key"))
        {
            item.Fail("admin_api_key", "A key does not belong into a document; give it with 'reconcile --admin-key-file'.");
            item.Ignore("admin_api_key");
        }

        if (item.Has("api_key"))
        {
            item.Fail("api_key", "A key does not belong into a document; name its place with api_key_env or api_key_file.");
            item.Ignore("api_key");
        }

        var provider = providers.Read(item, references, basis, request.KeyOf(item.Text("name", "", maxLength: 128)) ?? "");
        if (!item.Has("models"))
        {
            provider = provider with { Models = [] };
        }

        if (provider.Keys.IsEmpty && ProviderCatalogue.Find(provider.Kind) is { NeedsKey: true })
        {
            item.Fail("api_key_env", "This provider has no key yet; name its place with api_key_env or api_key_file.");
        }

        return provider;
    }
}

/// <summary>How a document is applied.</summary>
/// <param name="Keys">Provider keys that the caller read from the places the document names, by provider name.</param>
/// <param name="Secrets">Signing secrets of webhooks, likewise, by name of the webhook.</param>
/// <param name="Prune">Records that a section of the document does not name go.</param>
/// <param name="DryRun">Nothing is written; the answer says what would be.</param>
/// <param name="MayGrantRoles">The caller is an owner.</param>
internal sealed record ApplyRequest(
    IReadOnlyDictionary<string, string> Keys, IReadOnlyDictionary<string, string> Secrets, bool Prune, bool DryRun, bool MayGrantRoles)
{
    public string? SecretOf(string webhook)
        => Secrets.FirstOrDefault(secret => Names.Same(secret.Key, webhook)).Value;

    public string? KeyOf(string provider)
        => Keys.FirstOrDefault(key => Names.Same(key.Key, provider)).Value;
}
