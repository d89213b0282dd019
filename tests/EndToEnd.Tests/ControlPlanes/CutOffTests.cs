using System.Diagnostics;
using System.Net.Http.Json;
using FakeAnthropic;
using NetBird.Agent.Tests.TestSupport;
using Xunit.Abstractions;

namespace EndToEnd.Tests.ControlPlanes;

/// <summary>Somebody loses access, in each of the ways there are, while an answer streams to them through the tunnel.</summary>
public sealed class CutOffTests(ITestOutputHelper output)
{
    private const string Patch = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

    [SkippableFact]
    public async Task WhoeverLosesAccess_HasNoStreamAndNoRequestAndNoTunnelAnyMore()
    {
        await using var upstream = await FakeUpstream.StartAsync(new FakeUpstreamOptions());
        using var issuer = await OidcProvider.StartAsync();
        await using var node = await Node.StartAsync(["--oidc-issuer", issuer.Issuer, "--oidc-client-id", "netbird-agent"]);
        await Company.ApplyAsync(node, upstream, "Staff");
        using var scim = new HttpClient { BaseAddress = node.Url };
        scim.DefaultRequestHeaders.Authorization = new(
            "Bearer", (await node.SendAsync(HttpMethod.Post, "/api/users/administrator/tokens", new { name = "scim", scim_only = true })).GetProperty("plain_token").GetString());
        await using var agent = await AgentSession.StartAsync(node.Url, logIn: link => OidcProvider.WalkAsync(link.ToString(), "ana"));
        Assert.Equal(1, await TunnelPeersAsync(node));
        var id = (await node.GetAsync("/api/users?email=ana@example.test"))[0].GetProperty("id").GetString()!;
        var staff = (await node.GetAsync("/api/groups")).EnumerateArray().Single(group => group.GetProperty("name").GetString() == "Staff").GetProperty("id").GetString()!;
        Task RestAsync(object body) => node.SendAsync(HttpMethod.Put, "/api/users/" + id, body);
        await RestAsync(new { auto_groups = new[] { staff } });
        await agent.UntilAnsweredAsync();

        await CutAsync("disabled by REST", agent, () => RestAsync(new { status = "disabled" }), "disabled");
        await UntilPeersAsync(node, 0);
        await RestAsync(new { status = "active" });
        await agent.UntilAnsweredAsync();

        await CutAsync("disabled by SCIM", agent, () => PatchAsync(scim, "Users/" + id, new { op = "replace", path = "active", value = false }), "disabled");
        await UntilPeersAsync(node, 0);
        await PatchAsync(scim, "Users/" + id, new { op = "replace", path = "active", value = true });
        await agent.UntilAnsweredAsync();
        Assert.Equal(1, await TunnelPeersAsync(node));

        await CutAsync("out of the group by REST", agent, () => RestAsync(new { auto_groups = Array.Empty<string>() }));
        using var made = await scim.PostAsJsonAsync("/scim/v2/Groups", new { schemas = new[] { "urn:ietf:params:scim:schemas:core:2.0:Group" }, displayName = "Pushed", members = new[] { new { value = id } } });
        Assert.Equal(201, (int)made.StatusCode);
        var pushed = (await made.Content.ReadFromJsonAsync<System.Text.Json.JsonElement>()).GetProperty("id").GetString()!;
        await ConnectAsync(node, staff, pushed);
        await agent.UntilAnsweredAsync();
        await CutAsync("out of the group by SCIM", agent, () => PatchAsync(scim, "Groups/" + pushed, new { op = "remove", path = $"members[value eq \"{id}\"]" }));

        await PatchAsync(scim, "Groups/" + pushed, new { op = "add", path = "members", value = new[] { new { value = id } } });
        await agent.UntilAnsweredAsync();
        await CutAsync("deleted by SCIM", agent, async () => Assert.Equal(204, (int)(await scim.DeleteAsync("/scim/v2/Users/" + id)).StatusCode));
        await UntilPeersAsync(node, 0);
    }

    /// <summary>An answer that would take minutes ends when the change is made, and the next request is refused.</summary>
    private async Task CutAsync(string how, AgentSession agent, Func<Task> change, string sentence = "")
    {
        using var answer = await agent.AskAsync("[[scenario:drip:300]] [[scenario:events:3000]]", stream: true, maxTokens: 32_000);
        Assert.True(answer.IsSuccessStatusCode, how);
        await using var stream = await answer.Content.ReadAsStreamAsync();
        var buffer = new byte[64 * 1024];
        await stream.ReadExactlyAsync(buffer.AsMemory(0, 200));

        var watch = Stopwatch.StartNew();
        var changing = change();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        try
        {
            while (await stream.ReadAsync(buffer, limit.Token) > 0)
            {
            }
        }
        catch (Exception broken) when (broken is IOException or HttpRequestException)
        {
            // Cut in the middle is cut.
        }

        await changing;
        output.WriteLine($"{how}: the stream ended {watch.ElapsedMilliseconds} ms after the call began");

        // Through the tunnel while the peer is in it, from the agent itself from then on: the same sentence, and no wait.
        for (var i = 0; i < 5; i++)
        {
            watch.Restart();
            using var next = await agent.AskAsync("and now?");
            var refusal = await next.Content.ReadAsStringAsync();
            Assert.Equal((400, true), ((int)next.StatusCode, refusal.Contains(sentence, StringComparison.Ordinal)));
            output.WriteLine($"{how}: asked again, refused after {watch.ElapsedMilliseconds} ms");
            await Task.Delay(300);
        }
    }

    private static async Task PatchAsync(HttpClient scim, string path, object operation)
    {
        using var answer = await scim.PatchAsJsonAsync("/scim/v2/" + path, new { schemas = new[] { Patch }, Operations = new[] { operation } });
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
    }

    private static async Task ConnectAsync(Node node, params string[] groups)
    {
        var policy = (await node.GetAsync("/api/agent-network/policies"))[0];
        await node.SendAsync(HttpMethod.Put, "/api/agent-network/policies/" + policy.GetProperty("id").GetString(), new { source_groups = groups });
    }

    private static async Task UntilPeersAsync(Node node, int count)
    {
        for (var i = 0; await TunnelPeersAsync(node) != count; i++)
        {
            Assert.True(i < 150, $"The tunnel has {await TunnelPeersAsync(node)} peers.");
            await Task.Delay(100);
        }
    }

    private static async Task<int> TunnelPeersAsync(Node node)
    {
        using var answer = await node.Admin.GetAsync("/metrics");
        var line = (await answer.Content.ReadAsStringAsync()).Split('\n').Single(line => line.StartsWith("netbird_tunnel_peers{", StringComparison.Ordinal));
        return int.Parse(line.Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture);
    }
}
