using LiteDB;
using NetBird.ControlPlane.Tests.Store;
using Npgsql;

namespace EndToEnd.Tests.ControlPlanes;

/// <summary>Whoever can write to the store changes the audit log there; <c>verify</c> of the executable finds it, on either store.</summary>
public sealed class AuditTamperingTests(PostgresCluster cluster) : IClassFixture<PostgresCluster>
{
    [SkippableTheory]
    [InlineData("edit", false)]
    [InlineData("cut", false)]
    [InlineData("reorder", false)]
    [InlineData("edit", true)]
    [InlineData("cut", true)]
    [InlineData("reorder", true)]
    public async Task Log_ChangedInTheStore_IsFound(string how, bool postgres)
    {
        var environment = await Stores.EnvironmentAsync(cluster, postgres);
        await using var node = await Node.StartAsync(environment: environment);
        foreach (var name in (string[])["One", "Two", "Three"])
        {
            await node.SendAsync(HttpMethod.Post, "/api/groups", new { name });
        }

        Assert.Contains("as they were written", await node.DoneAsync(["verify"]), StringComparison.Ordinal);
        if (postgres)
        {
            await TamperAsync(environment["NETBIRD_CP_POSTGRES"]!, how);
            await FoundAsync(node);
            return;
        }

        await node.StopAsync();
        Tamper(Path.Combine(node.StateDir, "config.db"), how);
        await using var again = await Node.StartAsync(stateDir: node.StateDir);
        await FoundAsync(again);
    }

    private static async Task FoundAsync(Node node)
    {
        var result = await node.RunAsync(["verify"]);
        Assert.True(result.ExitCode == 1, result.ToString());
        Assert.Contains("audit", result.ToString(), StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("as they were written", result.Output, StringComparison.Ordinal);
    }

    private static async Task TamperAsync(string connectionString, string how)
    {
        await using var database = NpgsqlDataSource.Create(connectionString);
        await using var command = database.CreateCommand(how switch
        {
            "edit" => "UPDATE netbird_audit SET content = replace(content, 'Two', 'Tow') WHERE content LIKE '%Two%'",
            "cut" => "DELETE FROM netbird_audit WHERE content LIKE '%Two%'",
            _ => """
                UPDATE netbird_audit a SET content = b.content FROM netbird_audit b
                WHERE (a.content LIKE '%"Two"%' AND b.content LIKE '%"Three"%') OR (a.content LIKE '%"Three"%' AND b.content LIKE '%"Two"%')
                """,
        });
        Assert.True(await command.ExecuteNonQueryAsync() > 0, "nothing was changed");
    }

    private static void Tamper(string file, string how)
    {
        using var database = new LiteDatabase(file);
        var audit = database.GetCollection("audit");
        var (two, three) = (Entry(audit, "Two"), Entry(audit, "Three"));
        switch (how)
        {
            case "edit":
                two["json"] = two["json"].AsString.Replace("Two", "Tow", StringComparison.Ordinal);
                audit.Update(two);
                break;
            case "cut":
                audit.Delete(two["_id"]);
                break;
            default:
                (two["json"], three["json"]) = (three["json"], two["json"]);
                audit.Update(two);
                audit.Update(three);
                break;
        }
    }

    private static BsonDocument Entry(ILiteCollection<BsonDocument> audit, string name)
        => audit.FindAll().Single(row => row["json"].AsString.Contains($"\"{name}\"", StringComparison.Ordinal));
}
