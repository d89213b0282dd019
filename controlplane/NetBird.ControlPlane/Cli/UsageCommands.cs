using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;

namespace NetBird.ControlPlane.Cli;

/// <summary><c>usage</c> and <c>logs</c>.</summary>
internal static class UsageCommands
{
    private const int PageSize = 500;

    public static Command Usage()
    {
        var by = Verb.Setting("--by", "WHAT", "user, group, model or provider. Default user.");
        var granularity = Verb.Setting("--granularity", "SPAN", "hour, day, week, month, or whole: the range as one span. Default day.");
        var (from, to) = Range();
        var output = new Output();
        var command = new Command(
            "usage",
            "Requests, tokens and cost by person, group, model or provider. Default: the last 30 days. With --reprice: what recorded requests would cost by the prices of now.")
        {
            by, granularity, from, to,
        };
        output.AddTo(command);
        var reprice = new RepriceOption();
        reprice.AddTo(command);
        return command.Calls(async (client, parsed, cancellationToken) =>
        {
            if (reprice.IsAsked(parsed))
            {
                await reprice.RunAsync(client, parsed, output, parsed.GetValue(from), parsed.GetValue(to), cancellationToken);
                return;
            }

            var answer = await client.GetAsync(
                "/api/agent-network/usage/overview" + Query(
                    ("group_by", parsed.GetValue(by)), ("granularity", parsed.GetValue(granularity)),
                    ("from", parsed.GetValue(from)), ("to", parsed.GetValue(to))),
                cancellationToken);
            var rows = answer["data"]?.AsArray().OfType<JsonObject>().ToList() ?? [];
            output.Write(parsed, answer, [
                Column.Time("FROM", "start"),
                new((parsed.GetValue(by) ?? "user").ToUpperInvariant(), "name", row => Column.Show(row["name"])),
                Column.Number("REQUESTS", "requests"),
                Column.Number("DENIED", "denied"),
                Column.Number("INPUT", "input_tokens"),
                Column.Number("CACHE WRITE", "cache_creation_tokens"),
                Column.Number("CACHE READ", "cached_input_tokens"),
                Column.Number("OUTPUT", "output_tokens"),
                Column.Number("COST USD", "cost_usd"),
            ], rows);
        });
    }

    public static Command Logs()
    {
        var user = Verb.Setting("--user", "USER", "E-mail address, name or id.");
        var group = Verb.Setting("--group", "GROUP", "Name or id.");
        var model = Verb.Setting("--model", "MODEL", "Model id.");
        var session = Verb.Setting("--session", "ID", "A Claude Code session.");
        var decision = Verb.Setting("--decision", "WHAT", "allowed or denied.");
        var (from, to) = Range();
        var limit = new Option<int>("--limit") { Description = "How many, newest first.", HelpName = "N", DefaultValueFactory = _ => 50 };
        var output = new Output();
        var command = new Command("logs", "Requests, newest first: who, group, model, tokens, cost, decision.")
        {
            user, group, model, session, decision, from, to, limit,
        };
        output.AddTo(command);
        return command.Calls(async (client, parsed, cancellationToken) =>
        {
            var userId = parsed.GetValue(user) is { } who
                ? await Lookup.PersonAsync(client, who, cancellationToken) : null;
            var groupId = parsed.GetValue(group) is { } which
                ? await Lookup.GroupAsync(client, which, cancellationToken) : null;
            var rows = await RowsAsync(client, Math.Max(1, parsed.GetValue(limit)), cancellationToken,
                ("user", userId), ("group", groupId), ("model", parsed.GetValue(model)), ("session", parsed.GetValue(session)),
                ("decision", parsed.GetValue(decision)), ("from", parsed.GetValue(from)), ("to", parsed.GetValue(to)));
            var names = await GroupNamesAsync(client, rows, cancellationToken);
            output.Write(parsed, [
                Column.Time("TIME", "timestamp"),
                new("PERSON", "user_name", row => Column.Show(row["user_name"])),
                new("GROUP", "group", row => names.GetValueOrDefault(Column.Show(row["group_id"]), Column.Show(row["group_id"]))),
                Column.Field("MODEL", "model"),
                new("DECISION", "decision", row => Column.Show(row["deny_reason"]) is { Length: > 0 } reason ? reason : Column.Show(row["decision"])),
                Column.Number("STATUS", "status_code"),
                Column.Number("INPUT", "input_tokens"),
                Column.Number("CACHE WRITE", "cache_creation_tokens"),
                Column.Number("CACHE READ", "cached_input_tokens"),
                Column.Number("OUTPUT", "output_tokens"),
                Column.Number("COST USD", "cost_usd"),
                Column.Number("MS", "duration_ms"),
            ], rows);
        });
    }

    private static (Option<string?> From, Option<string?> To) Range() => (
        Verb.Setting("--from", "TIME", "First moment, such as 2026-11-24 or 2026-11-24T12:00:00Z."),
        Verb.Setting("--to", "TIME", "Last moment, exclusive."));

    private static async Task<List<JsonObject>> RowsAsync(
        AdminClient client, int limit, CancellationToken cancellationToken, params (string Name, string? Value)[] filters)
    {
        var rows = new List<JsonObject>();
        for (var page = 1; rows.Count < limit; page++)
        {
            var answer = await client.GetAsync(
                "/api/agent-network/access-logs" + Query([
                    .. filters,
                    ("page", page.ToString(CultureInfo.InvariantCulture)),
                    ("page_size", Math.Min(PageSize, limit).ToString(CultureInfo.InvariantCulture))]),
                cancellationToken);
            var data = answer["data"]?.AsArray().OfType<JsonObject>().ToList() ?? [];
            rows.AddRange(data.Take(limit - rows.Count));
            if (data.Count < Math.Min(PageSize, limit))
            {
                break;
            }
        }

        return rows;
    }

    // A person without a role may read their own rows but not the groups; they see ids then.
    private static async Task<Dictionary<string, string>> GroupNamesAsync(
        AdminClient client, List<JsonObject> rows, CancellationToken cancellationToken)
    {
        if (rows.Count == 0)
        {
            return [];
        }

        try
        {
            return (await client.ListAsync("/api/groups", cancellationToken))
                .ToDictionary(group => Column.Show(group["id"]), group => Column.Show(group["name"]));
        }
        catch (CliException refusal) when (refusal.ExitCode == NetBird.CommandLine.ExitCode.NotPermitted)
        {
            return [];
        }
    }

    internal static string Query(params (string Name, string? Value)[] fields)
    {
        var set = fields.Where(field => !string.IsNullOrEmpty(field.Value))
            .Select(field => $"{field.Name}={Uri.EscapeDataString(field.Value ?? "")}").ToList();
        return set.Count == 0 ? "" : "?" + string.Join('&', set);
    }
}
