using FakeAnthropic;

namespace EndToEnd.Tests.ControlPlanes;

/// <summary>A provider as an administrator has it: the catalogue, the test button, keys that nobody sees again, and prices of its own.</summary>
public sealed class ProviderTests
{
    [Fact]
    public async Task Provider_FromTheCatalogue_IsTestedForNothing_AndChargesItsOwnPrices()
    {
        await using var upstream = await FakeUpstream.StartAsync(new FakeUpstreamOptions());
        await using var node = await Node.StartAsync();
        var catalogue = (await node.GetAsync("/api/agent-network/catalog/providers")).EnumerateArray().Select(entry => entry.GetProperty("id").GetString()).ToList();
        Assert.Equal("anthropic_api", catalogue[0]);
        Assert.Contains("anthropic_compatible", catalogue);

        // Any URL that speaks the same; two keys, one of them wrong.
        var made = await node.SendAsync(HttpMethod.Post, "/api/agent-network/providers", new
        {
            provider_id = "anthropic_compatible", name = "Ours", upstream_url = upstream.Url.ToString(), api_key = upstream.Key, enabled = true,
        });
        var path = "/api/agent-network/providers/" + made.GetProperty("id").GetString();
        Assert.DoesNotContain(upstream.Key, made.ToString(), StringComparison.Ordinal);
        await node.SendAsync(HttpMethod.Post, path + "/keys", new { name = "wrong", api_key = "sk-ant-wrong" });
        var tested = await node.SendAsync(HttpMethod.Post, path + "/test", new { });
        Assert.Equal([true, false], tested.GetProperty("keys").EnumerateArray().Select(key => key.GetProperty("success").GetBoolean()));
        Assert.False(tested.GetProperty("success").GetBoolean());
        Assert.All(upstream.Requests.All, request => Assert.Equal(("GET", "/v1/models?limit=1"), (request.Method, request.Target)));
        Assert.All(upstream.Ledger.Entries, entry => Assert.Equal(("models", 0), (entry.Kind, (int)(entry.InputTokens + entry.OutputTokens))));
        var wrong = (await node.GetAsync(path)).GetProperty("keys").EnumerateArray().Single(key => key.GetProperty("name").GetString() == "wrong");
        await node.SendAsync(HttpMethod.Delete, $"{path}/keys/{wrong.GetProperty("id").GetString()}");
        Assert.True((await node.SendAsync(HttpMethod.Post, path + "/test", new { })).GetProperty("success").GetBoolean());

        await node.ApplyAsync(
            """
            groups:
              - { name: Engineering }
            policies:
              - { name: P, enabled: true, source_groups: [Engineering], destination_provider_ids: [Ours] }
            """);
        await node.DoneAsync(["user", "create", Company.Ana, "--group", "Engineering", "--password-stdin"], Company.Password);
        await using var agent = await AgentSession.StartAsync(node.Url, Company.Ana, Company.Password);
        const string Figures = "hello [[scenario:figures:in=1000,out=100,read=0,w5=0,w1=0]]";
        await AnsweredAsync(agent, Figures);

        // The dated list: a million tokens of this model are 1 and 5 dollars. Then ours: 10 and 50.
        Assert.Equal([0.0015m], await CostsAsync(node, 1));
        await node.SendAsync(HttpMethod.Put, path, new { models = new[] { new { id = "claude-haiku-4-5", input_per_1k = 0.01m, output_per_1k = 0.05m } } });
        await AnsweredAsync(agent, Figures);
        Assert.Equal([0.015m, 0.0015m], await CostsAsync(node, 2));
    }

    private static async Task AnsweredAsync(AgentSession agent, string text)
    {
        using var answer = await agent.AskAsync(text);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
    }

    /// <summary>Newest first.</summary>
    private static async Task<List<decimal>> CostsAsync(Node node, int rows)
    {
        for (var i = 0; ; i++)
        {
            var found = (await node.GetAsync("/api/agent-network/access-logs?decision=allowed")).GetProperty("data").EnumerateArray().ToList();
            if (found.Count == rows)
            {
                return found.ConvertAll(row => row.GetProperty("cost_usd").GetDecimal());
            }

            Assert.True(i < 60, $"{found.Count} rows.");
            await Task.Delay(250);
        }
    }
}
