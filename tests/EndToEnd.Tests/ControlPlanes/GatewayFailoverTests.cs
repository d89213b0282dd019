using System.Text.Json;
using FakeAnthropic;
using NetBird.ControlPlane.Tests.Store;
using Xunit.Abstractions;

namespace EndToEnd.Tests.ControlPlanes;

/// <summary>A management process and two gateway processes over one PostgreSQL; the gateway in use is killed.</summary>
public sealed class GatewayFailoverTests(PostgresCluster cluster, ITestOutputHelper output) : IClassFixture<PostgresCluster>
{
    [SkippableFact]
    public async Task Kill_OfTheGatewayInUse_MovesTheAgentToTheOther_AndLosesNoRow()
    {
        var environment = await Stores.EnvironmentAsync(cluster, postgres: true);
        await using var upstream = await FakeUpstream.StartAsync(new FakeUpstreamOptions());
        await using var management = await Node.StartAsync(["--roles", "management"], environment);
        await Company.FoundAsync(management, upstream, "Engineering");
        Dictionary<int, Node> gateways = [];
        for (var i = 0; i < 2; i++)
        {
            var port = AgentSession.FreePort();
            gateways[port] = await GatewayAsync(management, environment, port);
        }

        try
        {
            await using var agent = await AgentSession.StartAsync(management.Url, Company.Ana, Company.Password);
            var answered = 0;
            for (; answered < 10; answered++)
            {
                await AnsweredAsync(agent);
            }

            var used = await PortInUseAsync(agent);
            using var open = await agent.AskAsync("[[scenario:drip:300]] [[scenario:events:3000]]", stream: true, maxTokens: 32_000);
            Assert.True(open.IsSuccessStatusCode);
            await gateways[used].KillAsync();
            var watch = System.Diagnostics.Stopwatch.StartNew();
            await agent.UntilAnsweredAsync();
            output.WriteLine($"The first answer by the other gateway came {watch.Elapsed.TotalSeconds:F1} s after the kill.");
            Assert.NotEqual(used, await PortInUseAsync(agent));
            for (; answered < 20; answered++)
            {
                // A connection that was open to the dead one may still be found out by a request, which Claude Code sends again.
                await agent.UntilAnsweredAsync();
            }

            // Every answer has its row, on whichever gateway it was: what the dead one had not handed over is in its journal, which is read
            // again when it starts, and so is the request that was cut.
            await using var revived = await GatewayAsync(management, environment, used, gateways[used].StateDir);
            await AtLeastAsync(management, 20);
            await management.DoneAsync(["verify"]);
            for (var i = 0; ; i++)
            {
                var rows = (await management.GetAsync("/api/agent-network/access-logs?page_size=1000")).GetProperty("data").EnumerateArray().ToList();
                if (rows.Count(row => row.GetProperty("completeness").GetString() == "interrupted") == 1)
                {
                    break;
                }

                Assert.True(i < 120, $"{rows.Count} rows, none interrupted.");
                await Task.Delay(500);
            }
        }
        finally
        {
            foreach (var node in gateways.Values)
            {
                await node.DisposeAsync();
            }
        }
    }

    private static async Task<Node> GatewayAsync(Node management, Dictionary<string, string?> environment, int port, string? state = null)
        => await Node.StartAsync(
            [
                "--roles", "gateway", "--tunnel", "rootless", "--wireguard-port", $"{port}", "--wireguard-endpoint", $"127.0.0.1:{port}",
                "--cluster-key", Path.Combine(management.StateDir, "keys", "cluster.key"),
            ],
            environment, state);

    private static async Task AnsweredAsync(AgentSession agent)
    {
        using var answer = await agent.AskAsync("hello");
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
    }

    private static async Task AtLeastAsync(Node management, long rows)
    {
        for (var i = 0; ; i++)
        {
            var total = (await management.GetAsync("/api/agent-network/access-logs?decision=allowed&page_size=1")).GetProperty("total_records").GetInt64();
            if (total >= rows)
            {
                return;
            }

            Assert.True(i < 60, $"Only {total} of {rows} rows are there.");
            await Task.Delay(500);
        }
    }

    private static async Task<int> PortInUseAsync(AgentSession agent)
    {
        var status = await Command.RunAsync(Checkout.Agent, ["status", "--json", "--state-dir", agent.State]);
        var gateway = JsonDocument.Parse(status.Output).RootElement.GetProperty("gateways").EnumerateArray()
            .Single(entry => entry.TryGetProperty("active", out var active) && active.GetBoolean());
        return int.Parse(gateway.GetProperty("endpoint").GetString()!.Split(':')[^1], System.Globalization.CultureInfo.InvariantCulture);
    }
}
