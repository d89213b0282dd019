using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using NetBird.CommandLine;

namespace NetBird.ControlPlane.Cli;

/// <summary><c>raise create|list|end</c>: more room under a limit for a while.</summary>
internal static class RaiseCommands
{
    private const string Path = "/api/agent-network/limit-raises";

    private static readonly Column[] Columns =
    [
        Column.Field("ID", "id"), Column.Field("LIMIT OF", "source_name"), Column.Field("SCOPE", "scope"), Column.Field("FOR", "subject_name"),
        Column.Number("AMOUNT", "amount"), Column.Field("UNIT", "unit"), Column.Time("FROM", "starts_at"), Column.Time("UNTIL", "ends_at"),
        Column.Field("ACTIVE", "active"), Column.Field("BY", "created_by"), Column.Field("REASON", "reason"),
    ];

    public static Command Create()
        => new("raise", "More room under a limit for a while. It ends by itself; beginning and end are in the audit log.") { Give(), List(), End() };

    private static Command Give()
    {
        var source = new Argument<string>("limit") { Description = "Policy or budget rule whose limit it is: name or id." };
        var usd = Verb.Setting("--usd", "AMOUNT", "Dollars on top of the limit, such as 25.50.");
        var tokens = Verb.Setting("--tokens", "N", "Tokens on top of the limit.");
        var duration = Verb.Setting("--for", "DURATION", "How long, such as 3d or 12h.");
        var until = Verb.Setting("--until", "TIME", "Or its end, such as 2026-12-01T08:00:00Z.");
        var user = Verb.Setting("--user", "USER", "Only this person: e-mail address, name or id. Default: everyone's own limit.");
        var group = Verb.Setting("--group", "GROUP", "The limit that this group shares: name or id.");
        var account = new Option<bool>("--account") { Description = "The limit that everyone shares." };
        var reason = Verb.Setting("--reason", "TEXT", "Why; kept in the audit log.");
        var output = new Output();
        var command = new Command("create", "Raises a limit. Example: netbird-controlplane raise create Engineering --usd 50 --for 3d --user ana@example.com --reason \"Release week\"")
        {
            source, usd, tokens, duration, until, user, group, account, reason,
        };
        command.Validators.Add(result =>
        {
            if ((result.GetValue(usd) is null) == (result.GetValue(tokens) is null))
            {
                result.AddError("Give --usd or --tokens.");
            }

            if ((result.GetValue(duration) is null) == (result.GetValue(until) is null))
            {
                result.AddError("A raise ends by itself: give --for or --until.");
            }

            if ((result.GetValue(user) is null ? 0 : 1) + (result.GetValue(group) is null ? 0 : 1) + (result.GetValue(account) ? 1 : 0) > 1)
            {
                result.AddError("Give one of --user, --group and --account.");
            }
        });
        output.AddTo(command, csv: false);
        return command.Calls(async (client, parsed, cancellationToken) =>
        {
            var body = new JsonObject
            {
                ["source_id"] = await SourceAsync(client, parsed.GetRequiredValue(source), cancellationToken),
                ["unit"] = parsed.GetValue(usd) is null ? "tokens" : "usd",
                ["amount"] = Amount(parsed.GetValue(usd) ?? parsed.GetValue(tokens) ?? ""),
                ["scope"] = parsed.GetValue(group) is not null ? "group" : parsed.GetValue(account) ? "account" : "user",
                ["reason"] = parsed.GetValue(reason) ?? "",
            };
            if (parsed.GetValue(duration) is { } length)
            {
                body["duration_seconds"] = (long)Durations.Parse("--for", length).TotalSeconds;
            }
            else
            {
                body["ends_at"] = parsed.GetValue(until);
            }

            if (parsed.GetValue(user) is { } who)
            {
                body["subject_id"] = await Lookup.PersonAsync(client, who, cancellationToken);
            }
            else if (parsed.GetValue(group) is { } which)
            {
                body["subject_id"] = await Lookup.GroupAsync(client, which, cancellationToken);
            }

            var made = await client.PostAsync(Path, body, cancellationToken);
            output.Write(parsed, made, $"Raised until {Column.Time("", "ends_at").Text(made.AsObject())}: {Column.Show(made["id"])}");
        });
    }

    private static Command List()
    {
        var output = new Output();
        var command = new Command("list", "Every raise that holds now or will.");
        output.AddTo(command);
        return command.Calls(async (client, parsed, cancellationToken) =>
        {
            var rows = await client.ListAsync(Path, cancellationToken);
            output.Write(parsed, Columns, rows);
        });
    }

    private static Command End()
    {
        var id = new Argument<string>("raise") { Description = "Id, as 'raise list' shows it." };
        return new Command("end", "Ends a raise before its time.") { id }.Calls((client, parsed, cancellationToken)
            => client.DeleteAsync($"{Path}/{Uri.EscapeDataString(parsed.GetRequiredValue(id))}", cancellationToken));
    }

    /// <summary>A policy or a budget rule; one name may be both, then the id decides.</summary>
    private static async Task<string> SourceAsync(AdminClient client, string text, CancellationToken cancellationToken)
    {
        var all = (await client.ListAsync("/api/agent-network/policies", cancellationToken))
            .Concat(await client.ListAsync("/api/agent-network/budget-rules", cancellationToken)).ToList();
        var found = all.Where(row => Column.Show(row["id"]) == text).ToList();
        found = found.Count > 0 ? found : [.. all.Where(row => string.Equals(Column.Show(row["name"]), text, StringComparison.OrdinalIgnoreCase))];
        return found.Count switch
        {
            1 => Column.Show(found[0]["id"]),
            0 => throw new CliException($"There is no policy and no budget rule '{text}'."),
            _ => throw new CliException($"A policy and a budget rule are called '{text}'; give the id: {string.Join(", ", found.Select(row => Column.Show(row["id"])))}."),
        };
    }

    private static decimal Amount(string text)
        => decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var amount)
            ? amount : throw new CliException($"'{text}' is no amount.", ExitCode.WrongUsage);
}
