using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using NetBird.CommandLine;

namespace NetBird.ControlPlane.Cli;

/// <summary><c>usage --reprice</c>: shows, and with <c>--apply</c> records, what requests cost by other prices than they were recorded with.</summary>
internal sealed class RepriceOption
{
    private readonly Option<bool> _reprice = new("--reprice")
    {
        Description = "What recorded requests cost by the prices of now, beside what was recorded. Nothing is changed. Default: all that are kept.",
    };

    private readonly Option<bool> _apply = new("--apply")
    {
        Description = "With --reprice: records it, single requests, all sums and what counts against limits, and says so in the audit log.",
    };

    private readonly Option<string?> _prices = Verb.Setting(
        "--prices", "FILE", "With --reprice: tries a list of prices, {\"models\": {ID: [{\"input\": 5, \"output\": 25, ...}]}} in dollars for a million tokens, in place of those in force.");

    private readonly Option<string?> _model = Verb.Setting("--model", "MODEL", "With --reprice: only this model.");

    private readonly Option<string?> _provider = Verb.Setting("--provider", "PROVIDER", "With --reprice: only this provider; name or id.");

    public void AddTo(Command command)
    {
        command.Add(_reprice);
        command.Add(_apply);
        command.Add(_prices);
        command.Add(_provider);
        command.Add(_model);
        command.Validators.Add(result =>
        {
            if (!result.GetValue(_reprice)
                && (result.GetValue(_apply) || result.GetValue(_prices) is not null || result.GetValue(_model) is not null || result.GetValue(_provider) is not null))
            {
                result.AddError("--apply, --prices, --provider and --model belong to --reprice.");
            }
            else if (result.GetValue(_apply) && result.GetValue(_prices) is not null)
            {
                result.AddError("--prices only tries a list. Give the provider these prices first, then --apply without --prices.");
            }
        });
    }

    public bool IsAsked(ParseResult parsed) => parsed.GetValue(_reprice);

    public async Task RunAsync(
        AdminClient client, ParseResult parsed, Output output, string? from, string? to, CancellationToken cancellationToken)
    {
        var body = new JsonObject { ["from"] = from, ["to"] = to, ["model"] = parsed.GetValue(_model), ["apply"] = parsed.GetValue(_apply) };
        if (parsed.GetValue(_provider) is { } name)
        {
            body["provider"] = await Lookup.ProviderAsync(client, name, cancellationToken);
        }

        if (parsed.GetValue(_prices) is { } file)
        {
            body["prices"] = await ReadAsync(file, cancellationToken);
        }

        var answer = await client.PostAsync("/api/agent-network/usage/reprice", body, cancellationToken);
        output.Write(parsed, answer, [
            Column.Field("PROVIDER", "provider_name"),
            Column.Field("MODEL", "model"),
            Column.Number("REQUESTS", "requests"),
            Column.Number("CHANGED", "changed"),
            Column.Number("RECORDED USD", "recorded_usd"),
            Column.Number("REPRICED USD", "repriced_usd"),
            Column.Number("DIFFERENCE USD", "difference_usd"),
        ], [.. answer["data"]?.AsArray().OfType<JsonObject>() ?? []]);
        await Console.Error.WriteLineAsync(
            $"{Column.Show(answer["changed"])} of {Column.Show(answer["requests"])} requests differ, {Column.Show(answer["difference_usd"])} USD in all. "
            + (answer["applied"]?.GetValue<bool>() == true ? "It is recorded so." : parsed.GetValue(_apply) ? "There was nothing to record." : "Nothing was changed; --apply records it."));
    }

    private static async Task<JsonNode?> ReadAsync(string file, CancellationToken cancellationToken)
    {
        try
        {
            return JsonNode.Parse(await NamedFile.ReadAsync(file, cancellationToken));
        }
        catch (JsonException fault)
        {
            throw new CliException($"{file} is not JSON: {fault.Message}", ExitCode.WrongUsage);
        }
    }
}
