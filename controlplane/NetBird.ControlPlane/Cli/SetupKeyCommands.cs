using System.CommandLine;
using System.Text.Json.Nodes;

namespace NetBird.ControlPlane.Cli;

/// <summary><c>setup-key create|list|revoke</c>: enrols machines without a person.</summary>
internal static class SetupKeyCommands
{
    private static readonly Column[] Columns =
    [
        Column.Field("ID", "id"), Column.Field("NAME", "name"), Column.Field("KEY", "key"), Column.Field("STATE", "state"),
        Column.Number("USED", "used_times"), Column.Number("LIMIT", "usage_limit"), Column.Time("EXPIRES", "expires"),
        Column.Field("EPHEMERAL", "ephemeral"),
    ];

    public static Command Create()
    {
        var keys = new Command("setup-key", "Keys by which machines without a person enrol (CI, autonomous agents).");
        keys.Add(CreateKey());
        keys.Add(List());
        keys.Add(Revoke());
        return keys;
    }

    private static Command CreateKey()
    {
        var name = new Argument<string>("name") { Description = "What it is for." };
        var groups = Verb.Settings("--group", "GROUP", "A group of its machines; made where it is not there. May be repeated.");
        var uses = new Option<int>("--uses") { Description = "Machines it may enrol; 0: no limit.", HelpName = "N", DefaultValueFactory = _ => 1 };
        var expires = Verb.Setting("--expires", "DURATION", "Such as 30d or 12h; 0s: never. Default 30d.");
        var ephemeral = new Option<bool>("--ephemeral") { Description = "Its machines go when they fall silent." };
        var output = new Output();
        var command = new Command("create", "Makes a key and prints it, once. Example: netbird-controlplane setup-key create ci --group CI --uses 10 --expires 30d")
        {
            name, groups, uses, expires, ephemeral,
        };
        output.AddTo(command, csv: false);
        return command.Calls(async (client, parsed, cancellationToken) =>
        {
            var body = new JsonObject
            {
                ["name"] = parsed.GetRequiredValue(name),
                ["usage_limit"] = parsed.GetValue(uses),
                ["expires_in"] = (long)Durations.Parse("--expires", parsed.GetValue(expires) ?? "30d").TotalSeconds,
                ["ephemeral"] = parsed.GetValue(ephemeral),
                ["auto_groups"] = await Lookup.GroupsAsync(client, parsed.GetValue(groups) ?? [], cancellationToken),
            };
            var made = await client.PostAsync("/api/setup-keys", body, cancellationToken);
            output.Write(parsed, made, Column.Show(made["key"]));
        });
    }

    private static Command List()
    {
        var output = new Output();
        var command = new Command("list", "Every key, without its secret.");
        output.AddTo(command);
        return command.Calls(async (client, parsed, cancellationToken) =>
        {
            var rows = await client.ListAsync("/api/setup-keys", cancellationToken);
            output.Write(parsed, Columns, rows);
        });
    }

    private static Command Revoke()
    {
        var which = new Argument<string>("key") { Description = "Name or id." };
        return new Command("revoke", "Enrols no further machine; those enrolled stay.") { which }.Calls(async (client, parsed, cancellationToken) =>
        {
            var key = await Lookup.OneAsync(client, "/api/setup-keys", "setup key", parsed.GetRequiredValue(which), cancellationToken, "name");
            await client.PutAsync($"/api/setup-keys/{Column.Show(key["id"])}", new JsonObject { ["revoked"] = true }, cancellationToken);
        });
    }
}
