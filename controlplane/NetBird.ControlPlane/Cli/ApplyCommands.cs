using System.CommandLine;
using System.Text.Json.Nodes;
using NetBird.CommandLine;
using NetBird.ControlPlane.Forms;

namespace NetBird.ControlPlane.Cli;

/// <summary><c>apply -f FILE</c> and <c>export</c>.</summary>
internal static class ApplyCommands
{
    private const string Path = "/api/agent-network/configuration";
    private const int MaxKeyFileBytes = 64 * 1024;

    public static Command Apply()
    {
        var file = new Option<string>("--file", "-f") { Description = "YAML or JSON document; - reads standard input.", HelpName = "FILE", Required = true };
        var dryRun = new Option<bool>("--dry-run") { Description = "Shows what would change, changes nothing." };
        var prune = new Option<bool>("--prune") { Description = "Deletes records that a section of the document does not name." };
        var output = new Output();
        var command = new Command(
            "apply",
            "Makes the configuration what a document says, all of it or nothing, and shows what changed. In the document, names stand for ids. "
            + "Sections: settings, groups, providers, guardrails, policies, budget_rules, webhooks, limit_raises; one that is absent stays as it is. A provider's key is "
            + "named by its place, api_key_env or api_key_file; a webhook's secret by secret_env or secret_file. 'export' writes such a document.")
        {
            file, dryRun, prune,
        };
        output.AddTo(command, csv: false);
        return command.Calls(async (client, parsed, cancellationToken) =>
        {
            var name = parsed.GetRequiredValue(file);
            var text = name == "-" ? await Console.In.ReadToEndAsync(cancellationToken) : await NamedFile.ReadAsync(name, cancellationToken);
            var answer = await client.PutAsync(
                Path,
                new JsonObject
                {
                    ["document"] = text,
                    ["keys"] = Keys(name, text),
                    ["dry_run"] = parsed.GetValue(dryRun),
                    ["prune"] = parsed.GetValue(prune),
                },
                cancellationToken);
            output.Write(parsed, answer, Diff(answer));
        });
    }

    public static Command Export()
    {
        var json = new Option<bool>("--json") { Description = "As JSON in place of YAML." };
        var command = new Command("export", "Writes the whole configuration as a document for 'apply'. Keys and people are not in it.") { json };
        return command.Calls(async (client, parsed, cancellationToken) =>
        {
            await using var stream = new MemoryStream();
            await client.DownloadAsync(Path + (parsed.GetValue(json) ? "?format=json" : ""), stream, cancellationToken);
            parsed.InvocationConfiguration.Output.WriteLine(System.Text.Encoding.UTF8.GetString(stream.ToArray()).TrimEnd('\n'));
        });
    }

    /// <summary>
    /// Reads the keys from the places that the document names: they are this machine's, not the control plane's, and go
    /// over the wire only in this call.
    /// </summary>
    private static JsonArray Keys(string fileName, string text)
    {
        FormNode document;
        try
        {
            document = YamlForm.Parse(text);
        }
        catch (FormatException fault)
        {
            throw new CliException($"{fileName}: {fault.Message}");
        }

        var keys = new JsonArray();
        foreach (var provider in Field(document, "providers")?.Items ?? [])
        {
            if (Secret(fileName, provider, "api_key_env", "api_key_file") is { } key)
            {
                keys.Add(new JsonObject { ["provider"] = Field(provider, "name")?.Text ?? "", ["api_key"] = key });
            }
        }

        foreach (var webhook in Field(document, "webhooks")?.Items ?? [])
        {
            if (Secret(fileName, webhook, "secret_env", "secret_file") is { } secret)
            {
                keys.Add(new JsonObject { ["webhook"] = Field(webhook, "name")?.Text ?? "", ["secret"] = secret });
            }
        }

        return keys;
    }

    private static string? Secret(string fileName, FormNode record, string variableField, string fileField)
    {
        if (Field(record, variableField) is { } variable)
        {
            return Environment.GetEnvironmentVariable(variable.Text) is { Length: > 0 } value
                ? value
                : throw Refuse(fileName, variable, $"the environment variable {variable.Text} is not set.");
        }

        return Field(record, fileField) is { } path ? ReadKey(fileName, path) : null;
    }

    private static string ReadKey(string fileName, FormNode path)
    {
        var full = System.IO.Path.GetFullPath(path.Text, System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(fileName)) ?? "/");
        try
        {
            return new FileInfo(full).Length <= MaxKeyFileBytes
                ? File.ReadAllText(full).Trim()
                : throw Refuse(fileName, path, $"{full} is too large to be a key.");
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw Refuse(fileName, path, fault.Message);
        }
    }

    private static CliException Refuse(string fileName, FormNode node, string message)
        => new($"{fileName}: line {node.Place?.Line}, column {node.Place?.Column}: {message}");

    private static FormNode? Field(FormNode node, string name) => node.Fields.FirstOrDefault(field => field.Name == name)?.Value;

    private static string Diff(JsonNode answer)
    {
        var lines = new List<string>();
        foreach (var change in (answer["changes"]?.AsArray() ?? []).OfType<JsonObject>())
        {
            var action = Column.Show(change["action"]);
            lines.Add($"{(action switch { "add" => '+', "delete" => '-', _ => '~' })} {Column.Show(change["kind"]).Replace('_', ' ')} '{Column.Show(change["name"])}'");
            var before = change["before"] as JsonObject ?? [];
            var after = change["after"] as JsonObject ?? [];
            foreach (var field in before.Select(pair => pair.Key).Union(after.Select(pair => pair.Key)).Where(field => field is not ("modified_at" or "created_at" or "id")))
            {
                if (action == "update")
                {
                    lines.Add($"    {field}: {before[field]?.ToJsonString(Output.Plain) ?? "-"} -> {after[field]?.ToJsonString(Output.Plain) ?? "-"}");
                }
            }
        }

        if (lines.Count == 0)
        {
            return "Nothing to change.";
        }

        return string.Join('\n', lines) + (Column.Show(answer["dry_run"]) == "true" ? "\nDry run: nothing was changed." : "");
    }
}
