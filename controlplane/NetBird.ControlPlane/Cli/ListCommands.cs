using System.CommandLine;
using System.Text.Json.Nodes;

namespace NetBird.ControlPlane.Cli;

/// <summary><c>group</c>, <c>policy</c>, <c>provider</c> and <c>peer</c>: looking, and the few changes that are one word.</summary>
internal static class ListCommands
{
    public static Command Groups() => new Command("group", "Groups of people and machines.")
    {
        List("Every group.", "/api/groups", [
            Column.Field("ID", "id"), Column.Field("NAME", "name"), Column.Field("SOURCE", "issued"),
            Column.Number("PEOPLE", "users_count"), Column.Number("MACHINES", "peers_count")]),
        Delete("Deletes a group that nothing names any more.", "/api/groups", "group"),
    };

    public static Command Policies() => new Command("policy", "Who may use which provider, under which limits. Made with 'apply'.")
    {
        List("Every policy.", "/api/agent-network/policies", [
            Column.Field("ID", "id"), Column.Field("NAME", "name"), Column.Field("ENABLED", "enabled"),
            Column.Field("GROUPS", "source_groups"), Column.Field("PROVIDERS", "destination_provider_ids")]),
        Switch("enable", "Puts a policy in force.", "/api/agent-network/policies", "policy", "enabled", true),
        Switch("disable", "Takes a policy out of force at once.", "/api/agent-network/policies", "policy", "enabled", false),
        Delete("Deletes a policy.", "/api/agent-network/policies", "policy"),
    };

    public static Command Providers() => new Command("provider", "Connected model providers. Made with 'apply'.")
    {
        List("Every provider, without its keys.", "/api/agent-network/providers", [
            Column.Field("ID", "id"), Column.Field("NAME", "name"), Column.Field("KIND", "provider_id"), Column.Field("URL", "upstream_url"),
            Column.Field("ENABLED", "enabled"), new("KEYS", "keys", row => string.Join(' ', (row["keys"]?.AsArray() ?? []).Select(key => Column.Show(key?["state"]))))]),
        Test(),
        Switch("enable", "Lets policies use a provider.", "/api/agent-network/providers", "provider", "enabled", true),
        Switch("disable", "Stops using a provider at once.", "/api/agent-network/providers", "provider", "enabled", false),
    };

    public static Command Peers() => new Command("peer", "Enrolled machines.")
    {
        List("Every machine.", "/api/peers", [
            Column.Field("ID", "id"), Column.Field("NAME", "name"), Column.Field("OWNER", "user_email"), Column.Field("ADDRESS", "ip"),
            Column.Field("CONNECTED", "connected"), Column.Time("LAST SEEN", "last_seen"), Column.Field("OS", "os"),
            Column.Field("VERSION", "version"), Column.Field("TUNNEL", "tunnel_kind"), Column.Field("BLOCKED", "blocked")]),
        Switch("approve", "Lets a machine that waits for it in.", "/api/peers", "machine", "approval_required", false),
        Switch("block", "Cuts a machine off at once.", "/api/peers", "machine", "blocked", true),
        Switch("unblock", "Lets a blocked machine in again.", "/api/peers", "machine", "blocked", false),
        Delete("Removes a machine; it has to enrol again.", "/api/peers", "machine"),
    };

    private static Command List(string description, string path, Column[] columns)
    {
        var output = new Output();
        var command = new Command("list", description);
        output.AddTo(command);
        return command.Calls(async (client, parsed, cancellationToken) =>
        {
            var rows = await client.ListAsync(path, cancellationToken);
            output.Write(parsed, columns, rows);
        });
    }

    private static Command Switch(string verb, string description, string path, string what, string field, bool value)
    {
        var which = new Argument<string>(what) { Description = "Name or id." };
        return new Command(verb, description) { which }.Calls(async (client, parsed, cancellationToken) =>
        {
            var found = await Lookup.OneAsync(client, path, what, parsed.GetRequiredValue(which), cancellationToken, "name");
            await client.PutAsync($"{path}/{Column.Show(found["id"])}", new JsonObject { [field] = value }, cancellationToken);
        });
    }

    private static Command Delete(string description, string path, string what)
    {
        var which = new Argument<string>(what) { Description = "Name or id." };
        return new Command("delete", description) { which }.Calls(async (client, parsed, cancellationToken) =>
        {
            var found = await Lookup.OneAsync(client, path, what, parsed.GetRequiredValue(which), cancellationToken, "name");
            await client.DeleteAsync($"{path}/{Column.Show(found["id"])}", cancellationToken);
        });
    }

    private static Command Test()
    {
        var which = new Argument<string>("provider") { Description = "Name or id." };
        var output = new Output();
        var command = new Command("test", "Asks a provider for its models with each of its keys: free.") { which };
        output.AddTo(command, csv: false);
        return command.Calls(async (client, parsed, cancellationToken) =>
        {
            const string Path = "/api/agent-network/providers";
            var found = await Lookup.OneAsync(client, Path, "provider", parsed.GetRequiredValue(which), cancellationToken, "name");
            var answer = await client.PostAsync($"{Path}/{Column.Show(found["id"])}/test", new JsonObject(), cancellationToken);
            output.Write(parsed, answer, Column.Show(answer["message"]));
            if (Column.Show(answer["success"]) != "true")
            {
                throw new CliException("The test failed.");
            }
        });
    }
}
