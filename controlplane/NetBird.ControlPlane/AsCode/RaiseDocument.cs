using System.Text.Json.Nodes;
using NetBird.ControlPlane.Forms;
using NetBird.ControlPlane.Raises;
using NetBird.ControlPlane.Store;
using NetBird.Policy.Limits;
using NetBird.Primitives;

namespace NetBird.ControlPlane.AsCode;

/// <summary>
/// Raises in a document: by the names of what they raise and for whom. They have no name of their own, so one that is the same in
/// everything is the one that is there; one that has ended is history and is passed over.
/// </summary>
internal static class RaiseDocument
{
    public static JsonObject Export(Configuration configuration, LimitRaiseRecord raise, Func<JsonNode?, string> userName)
    {
        var tree = new JsonObject
        {
            [raise.FromRule ? "budget_rule" : "policy"] = configuration.SourceName(raise.Source, raise.FromRule),
            ["scope"] = raise.Scope switch { CapScope.User => "user", CapScope.Group => "group", _ => "account" },
        };
        if (raise.Subject.Length > 0)
        {
            tree[raise.Scope is CapScope.User ? "user" : "group"] = raise.Scope is CapScope.User
                ? userName(raise.Subject) : configuration.SubjectName(raise.Scope, raise.Subject);
        }

        tree["unit"] = raise.Unit is CapUnit.NanoUsd ? "usd" : "tokens";
        tree["amount"] = raise.Unit is CapUnit.NanoUsd ? new NanoUsd(raise.Amount).ToUsd() : raise.Amount;
        tree["starts_at"] = raise.StartsAt;
        tree["ends_at"] = raise.EndsAt;
        if (raise.Reason.Length > 0)
        {
            tree["reason"] = raise.Reason;
        }

        // As every other part of the document: values of JSON, not of this program.
        return JsonNode.Parse(tree.ToJsonString())!.AsObject(); // an object was written
    }

    public static void Apply(Form form, ConfigurationDraft draft, bool prune, DateTimeOffset now)
    {
        if (form.Parts("limit_raises") is not { } items)
        {
            return;
        }

        var references = new References(draft, byName: true);
        var named = new HashSet<LimitRaiseId>();
        foreach (var item in items)
        {
            item.Require("ends_at");
            var ends = item.Time("ends_at");
            if (ends <= now)
            {
                item.Ignore("policy", "budget_rule", "scope", "user", "group", "unit", "amount", "starts_at", "reason").RefuseUnknown();
                continue;
            }

            var read = Read(item, draft, references, now);
            var known = draft.LimitRaises.All.FirstOrDefault(other => other with
            {
                Id = read.Id, CreatedAt = read.CreatedAt, CreatedBy = read.CreatedBy, StartsAt = item.Has("starts_at") ? other.StartsAt : read.StartsAt,
            } == read);
            if (known is null)
            {
                draft.LimitRaises.Put(read);
            }

            named.Add((known ?? read).Id);
        }

        if (prune)
        {
            draft.LimitRaises.All.Select(raise => raise.Id).Where(id => !named.Contains(id)).ToList().ForEach(id => draft.LimitRaises.Remove(id));
        }
    }

    private static LimitRaiseRecord Read(Form item, ConfigurationDraft draft, References references, DateTimeOffset now)
    {
        var rule = item.Text("budget_rule", "", maxLength: 128);
        var policy = item.Text("policy", "", maxLength: 128);
        var source = rule.Length > 0
            ? draft.BudgetRules.All.FirstOrDefault(record => Names.Same(record.Name, rule))?.Id.Value
            : draft.Policies.All.FirstOrDefault(record => Names.Same(record.Name, policy))?.Id.Value;
        if (source is null)
        {
            item.Fail(rule.Length > 0 ? "budget_rule" : "policy", "A raise names the policy or the budget_rule whose limit it raises, by name.");
        }

        var user = item.Text("user", "", maxLength: 256);
        var group = item.Text("group", "", maxLength: 128);
        string? subject = "";
        if (user.Length > 0)
        {
            subject = references.User(user)?.Value;
        }
        else if (group.Length > 0)
        {
            subject = references.Group(group)?.Value;
        }

        if (subject is null)
        {
            item.Fail(user.Length > 0 ? "user" : "group", "There is none of this name.");
        }

        return LimitRaiseForm.ReadFor(item, draft, now, source ?? "", subject ?? "");
    }
}
