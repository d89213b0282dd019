using System.Text.Json.Nodes;

namespace NetBird.ControlPlane.Cli;

/// <summary>Finds records by what people type: an id, or a name that only one has.</summary>
internal static class Lookup
{
    /// <exception cref="CliException">None, or more than one.</exception>
    public static async Task<JsonObject> OneAsync(
        AdminClient client, string path, string what, string text, CancellationToken cancellationToken, params string[] fields)
    {
        var rows = await client.ListAsync(path, cancellationToken);
        if (rows.Find(row => Column.Show(row["id"]) == text) is { } byId)
        {
            return byId;
        }

        var named = rows.Where(row => fields.Any(field => string.Equals(Column.Show(row[field]), text, StringComparison.OrdinalIgnoreCase))).ToList();
        return named.Count switch
        {
            1 => named[0],
            0 => throw new CliException($"There is no {what} '{text}'."),
            _ => throw new CliException($"There are {named.Count} of '{text}'; give the id: {string.Join(", ", named.Select(row => Column.Show(row["id"])))}."),
        };
    }

    /// <summary>A person's id, by it, by the e-mail address or the name.</summary>
    /// <exception cref="CliException">None, or more than one.</exception>
    public static async Task<string> PersonAsync(AdminClient client, string text, CancellationToken cancellationToken)
        => IdOf(await OneAsync(client, "/api/users", "person", text, cancellationToken, "email", "name"));

    /// <summary>A group's id, by it or by the name.</summary>
    /// <exception cref="CliException">None, or more than one.</exception>
    public static async Task<string> GroupAsync(AdminClient client, string text, CancellationToken cancellationToken)
        => IdOf(await OneAsync(client, "/api/groups", "group", text, cancellationToken, "name"));

    /// <summary>A provider's id, by it or by the name.</summary>
    /// <exception cref="CliException">None, or more than one.</exception>
    public static async Task<string> ProviderAsync(AdminClient client, string text, CancellationToken cancellationToken)
        => IdOf(await OneAsync(client, "/api/agent-network/providers", "provider", text, cancellationToken, "name"));

    private static string IdOf(JsonObject row) => Column.Show(row["id"]);

    /// <summary>Ids of groups by name; those that are not there are made.</summary>
    public static async Task<JsonArray> GroupsAsync(AdminClient client, IReadOnlyCollection<string> names, CancellationToken cancellationToken)
    {
        var ids = new JsonArray();
        if (names.Count == 0)
        {
            return ids;
        }

        var groups = await client.ListAsync("/api/groups", cancellationToken);
        foreach (var name in names)
        {
            var group = groups.Find(row => string.Equals(Column.Show(row["name"]), name, StringComparison.OrdinalIgnoreCase) || Column.Show(row["id"]) == name);
            if (group is null)
            {
                group = (await client.PostAsync("/api/groups", new JsonObject { ["name"] = name }, cancellationToken)).AsObject();
                await Console.Error.WriteLineAsync($"Made the group '{name}'.");
            }

            ids.Add(Column.Show(group["id"]));
        }

        return ids;
    }
}
