using System.CommandLine;
using System.Text.Json.Nodes;
using NetBird.CommandLine;

namespace NetBird.ControlPlane.Cli;

/// <summary><c>user create|list|disable|enable|reset-second-factor|delete</c>: people of the embedded IdP, and service users.</summary>
internal static class UserCommands
{
    private static readonly Column[] Columns =
    [
        Column.Field("ID", "id"), Column.Field("EMAIL", "email"), Column.Field("NAME", "name"), Column.Field("ROLE", "effective_role"),
        Column.Field("STATUS", "status"), new("KIND", "kind", row => Column.Show(row["is_service_user"]) == "true" ? "service" : "person"),
        Column.Time("LAST LOGIN", "last_login"),
    ];

    public static Command Create()
    {
        var user = new Command("user", "People who log in at the embedded IdP, and service users.");
        user.Add(CreateUser());
        user.Add(List());
        user.Add(Set("disable", "Cuts a person off at once: requests, logins and tokens.", "is_blocked", true));
        user.Add(Set("enable", "Lets a disabled person in again.", "is_blocked", false));
        user.Add(Set(
            "reset-second-factor", "Takes the authenticator app off for a person who lost it and the recovery codes; they log in with the password alone and set another up at /idp/account.",
            "second_factor", false));
        user.Add(Delete());
        return user;
    }

    private static Command CreateUser()
    {
        var email = new Argument<string>("email") { Description = "E-mail address, the name to log in by." };
        var name = Verb.Setting("--name", "NAME", "Shown to people.");
        var groups = Verb.Settings("--group", "GROUP", "A group to put the person in; made where it is not there. May be repeated.");
        var role = Verb.Setting("--role", "ROLE", "user, auditor, admin or owner. Default user.");
        var fromInput = new Option<bool>("--password-stdin")
        {
            Description = "Reads the password from standard input. Without it one is made, printed once, and changed at the first login.",
        };
        var mustChange = new Option<bool>("--must-change") { Description = "The first login has to choose a new password." };
        var output = new Output();
        var command = new Command("create", "Makes a person who can log in. Example: netbird-controlplane user create ana@example.com --name Ana --group Engineering")
        {
            email, name, groups, role, fromInput, mustChange,
        };
        output.AddTo(command, csv: false);
        return command.Calls(async (client, parsed, cancellationToken) =>
        {
            var body = new JsonObject { ["email"] = parsed.GetRequiredValue(email), ["name"] = parsed.GetValue(name) ?? "" };
            if (parsed.GetValue(role) is { } chosen)
            {
                body["role"] = chosen;
            }

            if (parsed.GetValue(fromInput))
            {
                body["password"] = await ReadPasswordAsync(cancellationToken);
                body["password_change_required"] = parsed.GetValue(mustChange);
            }

            body["auto_groups"] = await Lookup.GroupsAsync(client, parsed.GetValue(groups) ?? [], cancellationToken);
            var made = await client.PostAsync("/api/users", body, cancellationToken);
            output.Write(parsed, made, made["password"] is { } password
                ? $"{Column.Show(made["id"])}\nPassword (shown once): {password}"
                : Column.Show(made["id"]));
        });
    }

    private static async Task<string> ReadPasswordAsync(CancellationToken cancellationToken)
    {
        if (!Console.IsInputRedirected)
        {
            await Console.Error.WriteAsync("Password: ");
        }

        return await Console.In.ReadLineAsync(cancellationToken) is { Length: > 0 } line
            ? line.TrimEnd('\r')
            : throw new CliException("--password-stdin: standard input holds no password.", ExitCode.WrongUsage);
    }

    private static Command List()
    {
        var output = new Output();
        var command = new Command("list", "Everybody, with role and status.");
        output.AddTo(command);
        return command.Calls(async (client, parsed, cancellationToken) =>
        {
            var rows = await client.ListAsync("/api/users", cancellationToken);
            output.Write(parsed, Columns, rows);
        });
    }

    private static Command Set(string verb, string description, string field, bool value)
    {
        var who = new Argument<string>("user") { Description = "E-mail address, name or id." };
        return new Command(verb, description) { who }.Calls(async (client, parsed, cancellationToken) =>
        {
            var user = await Lookup.OneAsync(client, "/api/users", "person", parsed.GetRequiredValue(who), cancellationToken, "email", "name");
            await client.PutAsync($"/api/users/{Column.Show(user["id"])}", new JsonObject { [field] = value }, cancellationToken);
        });
    }

    private static Command Delete()
    {
        var who = new Argument<string>("user") { Description = "E-mail address, name or id." };
        return new Command("delete", "Removes a person with their machines and tokens. Their usage stays.") { who }
            .Calls(async (client, parsed, cancellationToken) =>
            {
                var user = await Lookup.OneAsync(client, "/api/users", "person", parsed.GetRequiredValue(who), cancellationToken, "email", "name");
                await client.DeleteAsync($"/api/users/{Column.Show(user["id"])}", cancellationToken);
            });
    }
}
