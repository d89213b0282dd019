using System.Text.Json;
using System.Text.Json.Nodes;
using NetBird.ControlPlane.Account;
using NetBird.ControlPlane.AdminApi;
using NetBird.ControlPlane.Groups;
using NetBird.ControlPlane.Policies;
using NetBird.ControlPlane.Providers;
using NetBird.ControlPlane.Raises;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Webhooks;

namespace NetBird.ControlPlane.AsCode;

/// <summary>Writes the configuration as a document that <c>apply</c> gives back the same. Keys and people are not in it.</summary>
internal static class ConfigurationExport
{
    public static JsonObject Of(Configuration configuration)
    {
        string GroupName(JsonNode? id) => configuration.Groups.Values.First(group => group.Id.Value == (string?)id).Name;
        string ProviderName(JsonNode? id) => configuration.Providers.Values.First(provider => provider.Id.Value == (string?)id).Name;
        string GuardrailName(JsonNode? id) => configuration.Guardrails.Values.First(guardrail => guardrail.Id.Value == (string?)id).Name;
        string UserName(JsonNode? id)
        {
            var user = configuration.Users.Values.First(user => user.Id.Value == (string?)id);
            var shared = configuration.Users.Values.Count(other => other.Email == user.Email) > 1;
            return user.Email.Length > 0 && !shared ? user.Email : user.Id.Value;
        }

        return new()
        {
            ["settings"] = Tree(SettingsAnswer.Of(configuration.Settings)),
            ["groups"] = Section(configuration.Groups.Values.OrderBy(group => group.Name, StringComparer.Ordinal), ExportGroup),
            ["providers"] = Section(configuration.Providers.Values.OrderBy(provider => provider.CreatedAt).ThenBy(provider => provider.Id), ExportProvider),
            ["guardrails"] = Section(
                configuration.Guardrails.Values.OrderBy(guardrail => guardrail.CreatedAt).ThenBy(guardrail => guardrail.Id),
                guardrail => Without(Tree(GuardrailAnswer.Of(guardrail)))),
            ["policies"] = Section(configuration.Policies.Values.OrderBy(policy => policy.CreatedAt).ThenBy(policy => policy.Id), policy =>
            {
                var tree = Without(Tree(PolicyAnswer.Of(policy)));
                Rename(tree, "source_groups", GroupName);
                Rename(tree, "destination_provider_ids", ProviderName);
                Rename(tree, "guardrail_ids", GuardrailName);
                return tree;
            }),
            ["budget_rules"] = Section(configuration.BudgetRules.Values.OrderBy(rule => rule.CreatedAt).ThenBy(rule => rule.Id), rule =>
            {
                var tree = Without(Tree(BudgetRuleAnswer.Of(rule)));
                Rename(tree, "target_groups", GroupName);
                Rename(tree, "target_users", UserName);
                return tree;
            }),
            ["webhooks"] = Section(
                configuration.Webhooks.Values.OrderBy(hook => hook.CreatedAt).ThenBy(hook => hook.Id),
                hook => WithoutNulls(Without(Tree(WebhookAnswer.Of(hook))))),
            ["limit_raises"] = Section(
                configuration.LimitRaises.Values.OrderBy(raise => raise.CreatedAt).ThenBy(raise => raise.Id),
                raise => RaiseDocument.Export(configuration, raise, UserName)),
        };
    }

    private static JsonObject ExportGroup(Group group)
    {
        var tree = new JsonObject { ["name"] = group.Name };
        if (group.LoginExpiry is { } expiry)
        {
            tree["login_expiry_seconds"] = (long)expiry.TotalSeconds;
        }

        if (group.GrantsRole is { } role)
        {
            tree["grants_role"] = AccessLogAnswer.Snake(role);
        }

        return tree;
    }

    private static JsonObject ExportProvider(Provider provider)
    {
        var tree = new JsonObject { ["name"] = provider.Name, ["provider_id"] = provider.Kind };
        if (provider.Kind != ProviderCatalogue.Sample)
        {
            tree["upstream_url"] = provider.Upstream.AbsoluteUri.TrimEnd('/');
        }

        tree["enabled"] = provider.Enabled;
        if (!provider.Models.IsEmpty)
        {
            tree["models"] = new JsonArray([.. provider.Models.Select(ExportModel)]);
        }

        return tree;
    }

    private static JsonObject ExportModel(ProviderModel model)
    {
        var tree = WithoutNulls(Tree(ProviderModelAnswer.Of(model)));
        if (tree.Remove("priced_since", out var since))
        {
            tree["since"] = since;
        }

        return tree;
    }

    private static JsonArray Section<T>(IEnumerable<T> records, Func<T, JsonObject> export)
        => new([.. records.Select(export)]);

    private static JsonObject Tree<T>(T answer) => JsonSerializer.SerializeToNode(answer, AdminJson.Options)!.AsObject(); // a record is an object

    private static JsonObject Without(JsonObject tree)
    {
        tree.Remove("id");
        tree.Remove("created_at");
        tree.Remove("updated_at");
        return tree;
    }

    private static JsonObject WithoutNulls(JsonObject tree)
    {
        foreach (var name in tree.Where(field => field.Value is null).Select(field => field.Key).ToList())
        {
            tree.Remove(name);
        }

        return tree;
    }

    // Sorted by name: ids, and with them the order of sets, differ from one installation to the next.
    private static void Rename(JsonObject tree, string field, Func<JsonNode?, string> name)
        => tree[field] = new JsonArray([.. (tree[field]?.AsArray() ?? []).Select(name).Order(StringComparer.Ordinal).Select(text => (JsonNode)text)]);
}
