using System.CommandLine;
using System.Text.Json.Nodes;
using NetBird.CommandLine;

namespace NetBird.ControlPlane.Cli;

/// <summary><c>reconcile</c>: our ledger beside the provider's own report.</summary>
internal static class ReconcileCommand
{
    public static Command Create()
    {
        var provider = new Option<string>("--provider") { Description = "Name or id.", HelpName = "PROVIDER", Required = true };
        var from = Verb.Setting("--from", "DAY", "First day, UTC, such as 2026-11-24. Default: seven days back.");
        var to = Verb.Setting("--to", "DAY", "Last day. Default: yesterday.");
        var all = new Option<bool>("--all") { Description = "Also what is equal." };
        var keyFile = Verb.Setting(
            "--admin-key-file", "FILE", "Gives the provider the admin key (sk-ant-admin...) by which its report is read; it is kept sealed for the next time.");
        var output = new Output();
        var command = new Command(
            "reconcile",
            "Compares what was metered here with the provider's own usage and cost report, by day, key and model. Shows what differs. Exit code 1: usage differs.")
        {
            provider, from, to, all, keyFile,
        };
        output.AddTo(command);
        return command.Calls(async (client, parsed, cancellationToken) =>
        {
            var id = await Lookup.ProviderAsync(client, parsed.GetValue(provider) ?? "", cancellationToken);
            if (parsed.GetValue(keyFile) is { } file)
            {
                var key = (await NamedFile.ReadAsync(file, cancellationToken)).Trim();
                await client.PutAsync($"/api/agent-network/providers/{id}", new JsonObject { ["admin_api_key"] = key }, cancellationToken);
            }

            var answer = await client.GetAsync(
                "/api/agent-network/reconciliation" + UsageCommands.Query(
                    ("provider", id), ("from", parsed.GetValue(from)), ("to", parsed.GetValue(to))),
                cancellationToken);
            var rows = (answer["data"]?.AsArray().OfType<JsonObject>() ?? [])
                .Where(row => parsed.GetValue(all) || row["differs"]?.GetValue<bool>() == true).ToList();
            output.Write(parsed, answer, [
                Column.Field("DAY", "date"),
                new("KEY", "key", row => Column.Show(row["key_name"]) is { Length: > 0 } name ? name : Column.Show(row["api_key_id"])),
                Column.Field("MODEL", "model"),
                Column.Number("REQUESTS", "requests"),
                Column.Number("INTERRUPTED", "interrupted"),
                Of("INPUT", "input_tokens"),
                Of("CACHE WRITE 5M", "cache_creation_5m_tokens"),
                Of("CACHE WRITE 1H", "cache_creation_1h_tokens"),
                Of("CACHE READ", "cached_input_tokens"),
                Of("OUTPUT", "output_tokens"),
                Of("SEARCHES", "web_search_requests"),
            ], rows);
            await TellAsync(answer);
            if (answer["usage_differences"]?.GetValue<int>() > 0)
            {
                throw new CliException("Usage differs (ours/theirs above).");
            }
        });
    }

    /// <summary>One figure where both agree, else ours/theirs.</summary>
    private static Column Of(string title, string name) => new(title, name, row =>
    {
        var (ours, theirs) = (Column.Show(row["ours"]?[name]), Column.Show(row["theirs"]?[name]));
        return ours == theirs ? ours : $"{ours}/{theirs}";
    }, Right: true);

    private static async Task TellAsync(JsonNode answer)
    {
        var lines = new List<string>
        {
            $"{Column.Show(answer["from"])} to {Column.Show(answer["to"])}: {Column.Show(answer["usage_differences"])} of {answer["data"]?.AsArray().Count ?? 0} differ in tokens, "
            + $"{Column.Show(answer["cost_differences"])} of {answer["costs"]?.AsArray().Count ?? 0} in money.",
        };
        lines.AddRange((answer["costs"]?.AsArray().OfType<JsonObject>() ?? []).Where(row => row["differs"]?.GetValue<bool>() == true).Select(row =>
            $"{Column.Show(row["date"])} {Column.Show(row["model"])}: {Column.Show(row["ours_usd"])} USD here, {Column.Show(row["theirs_usd"])} USD there."));
        if (Column.Show(answer["other_keys_tokens"]) is not "0" and var other)
        {
            lines.Add($"Other keys of the organisation used {other} tokens: its money holds theirs, too.");
        }

        lines.AddRange((answer["keys_not_reported"]?.AsArray() ?? []).Select(name =>
            $"The provider does not list the key '{Column.Show(name)}': what went out with it cannot be compared."));
        foreach (var line in lines)
        {
            await Console.Error.WriteLineAsync(line);
        }
    }
}
