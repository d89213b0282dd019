using System.Net;
using System.Text.Json;
using FakeAnthropic;
using NetBird.ControlPlane.Tests.Store;

namespace EndToEnd.Tests.ControlPlanes;

/// <summary>
/// One scenario on LiteDB, on PostgreSQL after <c>migrate-store</c>, and on another database after <c>backup</c> and
/// <c>restore --postgres</c>: the executables, an agent that is enrolled once, and figures that never change on the way.
/// </summary>
public sealed class SameScenarioTests(PostgresCluster cluster) : IClassFixture<PostgresCluster>
{
    private static readonly string[] Tunnel = ["--tunnel", "rootless", "--wireguard-port"];

    [SkippableFact]
    public async Task Account_OnLiteDb_ThenMoved_ThenRestored_IsTheSame()
    {
        Skip.If(cluster.Missing is not null, cluster.Missing);
        await using var upstream = await FakeUpstream.StartAsync(new FakeUpstreamOptions());
        string[] arguments = [.. Tunnel, AgentSession.FreePort().ToString(System.Globalization.CultureInfo.InvariantCulture)];
        await using var first = await Node.StartAsync(arguments);
        await Company.FoundAsync(first, upstream, "Engineering");
        await using var agent = await AgentSession.StartAsync(first.Url, Company.Ana, Company.Password);

        var onLiteDb = await ScenarioAsync(first, agent);
        await first.StopAsync();

        var moved = await Stores.EnvironmentAsync(cluster, postgres: true);
        var move = await first.RunAsync(["migrate-store"], environment: moved);
        Assert.True(move.ExitCode == 0, move.ToString());
        Assert.Contains($"{onLiteDb.Requests} metered requests", move.Error, StringComparison.Ordinal);
        var twice = await first.RunAsync(["migrate-store"], environment: moved);
        Assert.True(twice.ExitCode == 1 && twice.Error.Contains("already holds an account", StringComparison.Ordinal), twice.ToString());

        await using var second = await Node.StartAsync(arguments, moved, first.StateDir, first.Url);
        Assert.Equal(onLiteDb, await FiguresAsync(second));
        await agent.UntilAnsweredAsync();
        var onPostgres = await ScenarioAsync(second, agent);
        var backup = Path.Combine(Path.GetDirectoryName(first.StateDir)!, "backup.tar");
        await second.DoneAsync(["backup", backup]);
        await second.StopAsync();

        var restored = await Stores.EnvironmentAsync(cluster, postgres: true);
        var state = Path.Combine(Path.GetDirectoryName(first.StateDir)!, "restored");
        var without = await Command.RunAsync(Checkout.ControlPlane, ["restore", backup, "--state-dir", state]);
        Assert.True(without.ExitCode == 2 && without.Error.Contains("--postgres", StringComparison.Ordinal) && !Directory.Exists(state), without.ToString());
        var back = await Command.RunAsync(Checkout.ControlPlane, ["restore", backup, "--state-dir", state], restored);
        Assert.True(back.ExitCode == 0, back.ToString());
        var full = await Command.RunAsync(Checkout.ControlPlane, ["restore", backup, "--state-dir", state + "2"], restored);
        Assert.True(full.ExitCode == 1 && full.Error.Contains("not empty", StringComparison.Ordinal), full.ToString());

        await using var third = await Node.StartAsync(arguments, restored, state, first.Url);
        Assert.Equal(onPostgres, await FiguresAsync(third));
        await agent.UntilAnsweredAsync();
        await ScenarioAsync(third, agent);
    }

    /// <summary>What an account does in a day; leaves it as it was, but for its usage. The figures afterwards.</summary>
    private static async Task<Figures> ScenarioAsync(Node node, AgentSession agent)
    {
        var before = await FiguresAsync(node);
        await AnsweredAsync(agent, stream: false);
        await AnsweredAsync(agent, stream: true);
        using (var refused = await agent.AskAsync("hello", model: "claude-sonnet-5-5"))
        {
            Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
            Assert.Contains("policy_blocked", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        // Administration: a token that works until it is revoked, a group that comes and goes, SCIM, the document.
        var made = await node.SendAsync(HttpMethod.Post, "/api/users/administrator/tokens", new { name = "t", scim_only = true });
        Assert.Equal(200, await ScimAsync(node, made));
        await node.SendAsync(HttpMethod.Delete, "/api/users/administrator/tokens/" + made.GetProperty("personal_access_token").GetProperty("id").GetString());
        Assert.Equal(401, await ScimAsync(node, made));
        var group = await node.SendAsync(HttpMethod.Post, "/api/groups", new { name = "Passing" });
        await node.SendAsync(HttpMethod.Delete, "/api/groups/" + group.GetProperty("id").GetString());
        var document = await node.DoneAsync(["export"]);
        var file = Path.Combine(Path.GetDirectoryName(node.StateDir)!, "export.yaml");
        await File.WriteAllTextAsync(file, document);
        Assert.Contains("Nothing to change", (await node.RunAsync(["apply", "-f", file])).ToString(), StringComparison.Ordinal);

        // Disabled: refused from the next request on, whoever was let in a moment ago; and back.
        var person = (await node.GetAsync("/api/users")).EnumerateArray().Single(user => user.GetProperty("email").GetString() == Company.Ana);
        await SetStatusAsync(node, person, "disabled");
        await RefusedAsync(agent);
        await SetStatusAsync(node, person, "active");
        await agent.UntilAnsweredAsync();
        Assert.Contains("as they were written", await node.DoneAsync(["verify"]), StringComparison.Ordinal);
        var after = await FiguresAsync(node);
        // A disabled person's request leaves a row only where the agent did not know yet.
        Assert.True(after.Requests >= before.Requests + 4 && after.OutputTokens > before.OutputTokens && after.CostUsd > before.CostUsd, $"{before} {after}");
        return after;
    }

    /// <summary>Nothing passes; and the person is told why once the agent knows it.</summary>
    private static async Task RefusedAsync(AgentSession agent)
    {
        for (var i = 0; ; i++)
        {
            using var refused = await agent.AskAsync("hello");
            var text = await refused.Content.ReadAsStringAsync();
            Assert.False(refused.IsSuccessStatusCode, text);
            if (text.Contains("disabled", StringComparison.Ordinal))
            {
                return;
            }

            Assert.True(i < 60, text);
            await Task.Delay(500);
        }
    }

    private static Task SetStatusAsync(Node node, JsonElement person, string status)
        => node.SendAsync(HttpMethod.Put, "/api/users/" + person.GetProperty("id").GetString(), new { status });

    private static async Task<int> ScimAsync(Node node, JsonElement token)
    {
        using var http = new HttpClient { BaseAddress = node.Url };
        http.DefaultRequestHeaders.Authorization = new("Bearer", token.GetProperty("plain_token").GetString());
        using var answer = await http.GetAsync("/scim/v2/Users?count=1");
        return (int)answer.StatusCode;
    }

    private static async Task AnsweredAsync(AgentSession agent, bool stream)
    {
        using var answer = await agent.AskAsync("hello", stream);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, text);
        Assert.Contains(stream ? "message_stop" : "\"usage\"", text, StringComparison.Ordinal);
    }

    private static async Task<Figures> FiguresAsync(Node node)
    {
        var logs = await node.GetAsync("/api/agent-network/access-logs?page_size=1000");
        var rows = logs.GetProperty("data").EnumerateArray().ToList();
        return new(
            logs.GetProperty("total_records").GetInt64(),
            rows.Sum(row => row.GetProperty("output_tokens").GetInt64()),
            rows.Sum(row => row.GetProperty("cost_usd").GetDecimal()),
            (await node.GetAsync("/api/peers"))[0].GetProperty("id").GetString()!,
            await node.Admin.GetStringAsync("/api/agent-network/configuration"));
    }

    private sealed record Figures(long Requests, long OutputTokens, decimal CostUsd, string Peer, string Configuration);
}
