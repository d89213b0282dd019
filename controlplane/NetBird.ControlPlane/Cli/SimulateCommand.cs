using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using NetBird.CommandLine;
using NetBird.ControlPlane.Forms;

namespace NetBird.ControlPlane.Cli;

/// <summary><c>simulate -f FILE</c>: what a policy would have done to the requests of the last days.</summary>
internal static class SimulateCommand
{
    private const int MostDays = 366;

    public static Command Create()
    {
        var file = new Option<string>("--file", "-f")
        {
            Description = "A policy as YAML or JSON, with names as 'apply' takes them, or a document that has it among its 'policies'; - reads standard input.",
            HelpName = "FILE",
            Required = true,
        };
        var name = Verb.Setting("--policy", "NAME", "Which policy of the document. Needed where it has more than one.");
        var days = new Option<int>("--days") { Description = "How many days back: 1 to 366.", HelpName = "N", DefaultValueFactory = _ => 30 };
        var output = new Output();
        var command = new Command(
            "simulate",
            "Shows what a policy would have done to the requests of the last days: who would have been refused, why, when, how often, and what that would have "
            + "saved. A policy of the same name is replaced by it; else it is tried alone. Budget rules hold either way. Nothing is changed.")
        {
            file, name, days,
        };
        command.Validators.Add(result =>
        {
            if (result.GetResult(days) is { Implicit: false } && result.GetValue(days) is < 1 or > MostDays)
            {
                result.AddError($"--days is a number from 1 to {MostDays}.");
            }
        });
        output.AddTo(command);
        return command.Calls(async (client, parsed, cancellationToken) =>
        {
            var policy = await ReadAsync(parsed.GetRequiredValue(file), parsed.GetValue(name), cancellationToken);
            var replaced = (await client.ListAsync("/api/agent-network/policies", cancellationToken))
                .Find(known => string.Equals(Column.Show(known["name"]), Column.Show(policy["name"]), StringComparison.OrdinalIgnoreCase));
            var answer = await client.PostAsync(
                "/api/agent-network/simulate" + UsageCommands.Query(
                    ("days", parsed.GetValue(days).ToString(CultureInfo.InvariantCulture)), ("policy", Column.Show(replaced?["id"])), ("by_name", "true")),
                policy,
                cancellationToken);
            output.Write(parsed, answer, [
                Column.Field("PERSON", "user_name"),
                Column.Field("REASON", "reason"),
                Column.Field("LIMIT OF", "source"),
                Column.Number("REFUSED", "count"),
                Column.Time("FIRST", "first"),
                Column.Time("LAST", "last"),
                Column.Number("TOKENS SAVED", "tokens_saved"),
                Column.Number("USD SAVED", "cost_saved_usd"),
            ], [.. answer["refusals"]?.AsArray().OfType<JsonObject>() ?? []]);
            await Console.Error.WriteLineAsync(
                $"{(replaced is null ? "Tried alone" : "In place of the policy of that name")}, in {parsed.GetValue(days)} days: {Column.Show(answer["refused"])} of {Column.Show(answer["requests"])} requests refused, "
                + $"{Column.Show(answer["cost_saved_usd"])} of {Column.Show(answer["cost_usd"])} USD saved. Nothing was changed.");
        });
    }

    private static async Task<JsonObject> ReadAsync(string file, string? name, CancellationToken cancellationToken)
    {
        var text = file == "-" ? await Console.In.ReadToEndAsync(cancellationToken) : await NamedFile.ReadAsync(file, cancellationToken);
        try
        {
            var document = YamlForm.Parse(text);
            return ToJson(document.Fields.FirstOrDefault(field => field.Name == "policies") is { } section ? Choose(section.Value.Items, name) : document) as JsonObject
                ?? throw new CliException($"{file} holds no policy.", ExitCode.WrongUsage);
        }
        catch (FormatException fault)
        {
            throw new CliException($"{file}: {fault.Message}", ExitCode.WrongUsage);
        }
    }

    private static FormNode Choose(IReadOnlyList<FormNode> policies, string? name)
    {
        var named = policies.Where(policy => name is null || Names.Same(NameOf(policy), name)).ToList();
        return named switch
        {
            [var one] => one,
            [] when name is null => throw new CliException("The document has no policy.", ExitCode.WrongUsage),
            [] => throw new CliException($"The document has no policy '{name}'; it has {string.Join(", ", policies.Select(NameOf))}.", ExitCode.WrongUsage),
            _ => throw new CliException($"The document has several policies; choose one by --policy: {string.Join(", ", named.Select(NameOf))}.", ExitCode.WrongUsage),
        };
    }

    private static string NameOf(FormNode policy) => policy.Fields.FirstOrDefault(field => field.Name == "name")?.Value.Text ?? "";

    private static JsonNode? ToJson(FormNode node) => node.Kind switch
    {
        FormKind.Object => new JsonObject(node.Fields.Select(field => KeyValuePair.Create(field.Name, ToJson(field.Value)))),
        FormKind.Array => new JsonArray([.. node.Items.Select(ToJson)]),
        FormKind.Boolean => JsonValue.Create(node.Text == "true"),
        FormKind.Number when decimal.TryParse(node.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) => JsonValue.Create(number),
        FormKind.Null => null,
        _ => JsonValue.Create(node.Text),
    };
}
