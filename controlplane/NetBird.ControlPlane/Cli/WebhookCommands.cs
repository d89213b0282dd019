using System.CommandLine;
using System.Text.Json.Nodes;
using NetBird.CommandLine;

namespace NetBird.ControlPlane.Cli;

/// <summary><c>webhook create|list|delete|test|deliveries</c>: who is told when limits fill up.</summary>
internal static class WebhookCommands
{
    private const string Path = "/api/agent-network/webhooks";

    private static readonly Column[] Columns =
    [
        Column.Field("ID", "id"), Column.Field("NAME", "name"), Column.Field("URL", "url"), Column.Field("ENABLED", "enabled"), Column.Field("AUDIT", "audit"),
    ];

    private static readonly Column[] Deliveries =
    [
        Column.Time("TIME", "created_at"), Column.Field("TYPE", "type"), Column.Field("STATE", "state"), Column.Number("ATTEMPTS", "attempts"),
        Column.Number("STATUS", "status_code"), Column.Field("ERROR", "error"),
    ];

    public static Command Create()
        => new("webhook", "URLs that are told when 50, 80 and 95% of a limit are used, and of audit entries where asked.")
        {
            Make(), List(), Delete(), Test(), Log(),
        };

    private static Command Make()
    {
        var name = new Argument<string>("name") { Description = "Shown to people." };
        var url = new Argument<string>("url") { Description = "https, or http to loopback and private addresses." };
        var audit = new Option<bool>("--audit") { Description = "Gets every entry of the audit log too." };
        var output = new Output();
        var command = new Command("create", "Makes one and prints its signing secret, once.") { name, url, audit };
        output.AddTo(command, csv: false);
        return command.Calls(async (client, parsed, cancellationToken) =>
        {
            var made = await client.PostAsync(
                Path,
                new JsonObject { ["name"] = parsed.GetRequiredValue(name), ["url"] = parsed.GetRequiredValue(url), ["audit"] = parsed.GetValue(audit) },
                cancellationToken);
            output.Write(parsed, made, Column.Show(made["secret"]));
        });
    }

    private static Command List()
    {
        var output = new Output();
        var command = new Command("list", "Every webhook, without its secret.");
        output.AddTo(command);
        return command.Calls(async (client, parsed, cancellationToken) =>
        {
            var rows = await client.ListAsync(Path, cancellationToken);
            output.Write(parsed, Columns, rows);
        });
    }

    private static Command Delete()
    {
        var which = Which();
        return new Command("delete", "Tells it nothing more.") { which }.Calls(async (client, parsed, cancellationToken)
            => await client.DeleteAsync(await PathOfAsync(client, parsed.GetRequiredValue(which), cancellationToken), cancellationToken));
    }

    private static Command Test()
    {
        var which = Which();
        var output = new Output();
        var command = new Command("test", "Sends a test now and says what came of it. Exit code 1: it was not delivered.") { which };
        output.AddTo(command, csv: false);
        return command.Calls(async (client, parsed, cancellationToken) =>
        {
            var path = await PathOfAsync(client, parsed.GetRequiredValue(which), cancellationToken);
            var tried = await client.PostAsync(path + "/test", new JsonObject(), cancellationToken);
            output.Write(parsed, tried, $"{Column.Show(tried["state"])} {Column.Show(tried["status_code"])} {Column.Show(tried["error"])}".TrimEnd());
            if (Column.Show(tried["state"]) != "delivered")
            {
                throw new CliException("The test was not delivered.", ExitCode.Failed);
            }
        });
    }

    private static Command Log()
    {
        var which = Which();
        var output = new Output();
        var command = new Command("deliveries", "What was sent in the last 30 days, newest first.") { which };
        output.AddTo(command);
        return command.Calls(async (client, parsed, cancellationToken) =>
        {
            var rows = await client.ListAsync(await PathOfAsync(client, parsed.GetRequiredValue(which), cancellationToken) + "/deliveries", cancellationToken);
            output.Write(parsed, Deliveries, rows);
        });
    }

    private static Argument<string> Which() => new("webhook") { Description = "Name or id." };

    private static async Task<string> PathOfAsync(AdminClient client, string which, CancellationToken cancellationToken)
        => $"{Path}/{Column.Show((await Lookup.OneAsync(client, Path, "webhook", which, cancellationToken, "name"))["id"])}";
}
