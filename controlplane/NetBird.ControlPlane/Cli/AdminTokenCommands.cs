using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;

namespace NetBird.ControlPlane.Cli;

/// <summary><c>admin-token create|list|revoke</c>: personal access tokens for scripts.</summary>
internal static class AdminTokenCommands
{
    private static readonly Column[] Columns =
    [
        Column.Field("ID", "id"), Column.Field("NAME", "name"), Column.Field("USER", "user_name"), Column.Time("EXPIRES", "expiration_date"),
        Column.Time("LAST USED", "last_used"),
    ];

    public static Command Create()
    {
        var tokens = new Command("admin-token", "Personal access tokens: Authorization: Token nbp_...");
        tokens.Add(CreateToken());
        tokens.Add(List());
        tokens.Add(Revoke());
        return tokens;
    }

    private static Command CreateToken()
    {
        var name = new Argument<string>("name") { Description = "What it is for." };
        var expires = Verb.Setting("--expires", "DURATION", "1d to 365d. Default 30d.");
        var role = Verb.Setting("--role", "ROLE", "Makes a service user of this role (auditor, admin ...) for it. Default: the caller's own user.");
        var scim = new Option<bool>("--scim") { Description = "Works for /scim/v2 and nothing else: the token an identity provider gets." };
        var output = new Output();
        var command = new Command("create", "Makes a token and prints it, once.") { name, expires, role, scim };
        output.AddTo(command, csv: false);
        return command.Calls(async (client, parsed, cancellationToken) =>
        {
            var days = (int)Math.Ceiling(Durations.Parse("--expires", parsed.GetValue(expires) ?? "30d").TotalDays);
            var owner = parsed.GetValue(role) is { } chosen || parsed.GetValue(scim)
                ? await client.PostAsync(
                    "/api/users",
                    new JsonObject { ["name"] = parsed.GetRequiredValue(name), ["is_service_user"] = true, ["role"] = parsed.GetValue(role) ?? "admin" },
                    cancellationToken)
                : await client.GetAsync("/api/users/current", cancellationToken);
            var made = await client.PostAsync(
                $"/api/users/{Column.Show(owner["id"])}/tokens",
                new JsonObject { ["name"] = parsed.GetRequiredValue(name), ["expires_in"] = days, ["scim_only"] = parsed.GetValue(scim) },
                cancellationToken);
            output.Write(parsed, made, Column.Show(made["plain_token"]));
        });
    }

    private static Command List()
    {
        var output = new Output();
        var command = new Command("list", "Every token, without its secret.");
        output.AddTo(command);
        return command.Calls(async (client, parsed, cancellationToken) =>
        {
            var rows = await AllAsync(client, cancellationToken);
            output.Write(parsed, Columns, rows);
        });
    }

    private static Command Revoke()
    {
        var which = new Argument<string>("token") { Description = "Name or id." };
        return new Command("revoke", "Makes a token worthless at once.") { which }.Calls(async (client, parsed, cancellationToken) =>
        {
            var text = parsed.GetRequiredValue(which);
            var all = await AllAsync(client, cancellationToken);
            var found = all.Where(row => Column.Show(row["id"]) == text).ToList();
            found = found.Count > 0 ? found : all.Where(row => Column.Show(row["name"]) == text).ToList();
            if (found.Count != 1)
            {
                throw new CliException(found.Count == 0
                    ? $"There is no token '{text}'."
                    : string.Create(CultureInfo.InvariantCulture, $"There are {found.Count} tokens '{text}'; give the id."));
            }

            await client.DeleteAsync($"/api/users/{Column.Show(found[0]["user_id"])}/tokens/{Column.Show(found[0]["id"])}", cancellationToken);
        });
    }

    private static async Task<List<JsonObject>> AllAsync(AdminClient client, CancellationToken cancellationToken)
    {
        var rows = new List<JsonObject>();
        foreach (var user in await client.ListAsync("/api/users", cancellationToken))
        {
            foreach (var token in await client.ListAsync($"/api/users/{Column.Show(user["id"])}/tokens", cancellationToken))
            {
                token["user_name"] = Column.Show(user["email"]) is { Length: > 0 } email ? email : Column.Show(user["name"]);
                rows.Add(token);
            }
        }

        return rows;
    }
}
