using System.Text.Json.Nodes;
using NetBird.ControlPlane.AsCode;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Forms;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Users;

namespace NetBird.ControlPlane.AdminApi;

/// <summary><c>/api/agent-network/configuration</c>: the configuration as one document, for <c>apply</c> and <c>export</c>.</summary>
internal static class ConfigurationEndpoints
{
    public static void MapConfiguration(this IEndpointRouteBuilder api)
    {
        var configuration = api.MapGroup("/agent-network/configuration").WithTags("Configuration");
        configuration.MapGet("", (HttpContext http, IConfigurationStore store) =>
            {
                var tree = ConfigurationExport.Of(store.Current);
                return http.Request.Query["format"] == "json" ? Paging.Json(tree) : Results.Text(YamlText.Of(tree), "application/yaml");
            })
            .ForAuditors().Asks(new QueryParameter("format", "yaml unless json is asked for.", Choices: ["yaml", "json"])).Produces<string>(contentType: "application/yaml");
        configuration.MapPut("", ApplyAsync).ForAdmins()
            .Takes((form, _, _) =>
            {
                form.Require("document");
                form.Verbatim("document");
                _ = ReadKeys(form);
                ReadFlags(form);
            }).Produces<ApplyAnswer>();
    }

    private static async Task<IResult> ApplyAsync(HttpContext http, Commits commits, ConfigurationDocument documents, TimeProvider time)
    {
        var (node, refusal) = await RequestBody.ReadAsync(http);
        if (node is null)
        {
            return refusal!; // one of the two is there
        }

        var body = new Form(node);
        body.Require("document");
        var text = body.Verbatim("document");
        var (keys, secrets) = ReadKeys(body);
        var (prune, dryRun) = ReadFlags(body);
        var request = new ApplyRequest(keys, secrets, prune, dryRun, http.Caller().Role == Role.Owner);
        body.RefuseUnknown();
        if (!body.IsValid)
        {
            return Problems.Invalid(body.Errors);
        }

        FormNode tree;
        try
        {
            tree = YamlForm.Parse(text);
        }
        catch (FormatException fault)
        {
            return Problems.Invalid("", fault.Message);
        }

        return await commits.RunAsync(http, draft =>
        {
            var form = new Form(tree);
            documents.Apply(form, draft, request);
            if (!form.IsValid)
            {
                return Problems.Invalid([.. form.Errors.Select(Placed)]);
            }

            draft.KeepUnchanged();
            var changes = draft.Changes().Select(change => AppliedChange.Of(change, time.GetUtcNow())).ToList();
            if (request.DryRun)
            {
                draft.Abandon();
            }

            return Paging.Json(new ApplyAnswer(changes.Count > 0, request.DryRun, changes));
        });
    }

    /// <summary>Keys that the document names the place of: of a provider (<c>api_key</c>) or a webhook (<c>secret</c>), by name.</summary>
    private static (Dictionary<string, string> Keys, Dictionary<string, string> Secrets) ReadKeys(Form body)
    {
        var keys = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        var secrets = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var part in body.Parts("keys") ?? [])
        {
            var (provider, key) = (part.Text("provider", "", 128), part.Text("api_key", "", 4096));
            var (webhook, secret) = (part.Text("webhook", "", 128), part.Text("secret", "", 256));
            if (webhook.Length > 0 == provider.Length > 0 || (key.Length > 0 && webhook.Length > 0) || (secret.Length > 0 && provider.Length > 0))
            {
                part.Fail("provider", "A key is of a provider (provider, api_key) or of a webhook (webhook, secret).");
            }

            (webhook.Length > 0 ? secrets : keys)[webhook.Length > 0 ? webhook : provider] = webhook.Length > 0 ? secret : key;
            part.RefuseUnknown();
        }

        return (keys, secrets);
    }

    private static (bool Prune, bool DryRun) ReadFlags(Form body) => (body.Flag("prune", false), body.Flag("dry_run", false));

    private static FormError Placed(FormError error)
        => error.Place is { } place ? error with { Path = $"line {place.Line}, column {place.Column}: {error.Path}" } : error;
}

/// <summary>What changed, or with <c>dry_run</c> would.</summary>
internal sealed record ApplyAnswer(bool Changed, bool DryRun, IReadOnlyList<AppliedChange> Changes);

/// <summary>One record that changed: the fields that differ, without secrets.</summary>
internal sealed record AppliedChange(string Action, string Kind, string Id, string Name, JsonObject? Before, JsonObject? After)
{
    public static AppliedChange Of(DocumentChange change, DateTimeOffset now)
    {
        var entry = AuditDiff.Entry(Actor.System, change, now);
        return new(entry.Action[(entry.Action.LastIndexOf('.') + 1)..], entry.TargetKind, entry.TargetId, entry.TargetName, entry.Before, entry.After);
    }
}
