using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace EndToEnd.Tests;

/// <summary>Each way to be refused takes effect on the next request, and Claude Code shows our sentence at once.</summary>
public sealed class RefusalTests(WorldFixture fixture) : IClassFixture<WorldFixture>
{
    private World World => fixture.World;

    public static TheoryData<string, ClaudeForm> Circumstances
    {
        get
        {
            var data = new TheoryData<string, ClaudeForm>();
            foreach (var form in Enum.GetValues<ClaudeForm>())
            {
                foreach (var circumstance in new[] { "no policy", "model", "group", "disabled", "cap" })
                {
                    data.Add(circumstance, form);
                }
            }

            return data;
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Circumstances))]
    public async Task ClaudeCode_ShowsOurSentenceWithinTwoSeconds(string circumstance, ClaudeForm form)
    {
        var undo = await MakeAsync(circumstance);
        try
        {
            using var response = await World.MessageAsync("hello");
            var text = await response.Content.ReadAsStringAsync();
            Assert.True(response.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.TooManyRequests, $"{(int)response.StatusCode} {text}");
            var refusal = JsonDocument.Parse(text).RootElement;
            Assert.Equal("error", refusal.GetProperty("type").GetString());
            var error = refusal.GetProperty("error");
            Assert.Equal(circumstance == "cap" ? HttpStatusCode.TooManyRequests : HttpStatusCode.BadRequest, response.StatusCode);
            Assert.Equal(circumstance == "cap" ? "billing_error" : "policy_blocked", error.GetProperty("type").GetString());
            Assert.Equal("false", Assert.Single(response.Headers.GetValues("x-should-retry")));
            Assert.True(response.Headers.Contains("request-id"));
            var sentence = error.GetProperty("message").GetString()!;

            var result = await World.ClaudeAsync(form, "say hi");

            Assert.True(result.ExitCode == 1, result.ToString());
            // The start of the program itself is in the time.
            Assert.True(result.Took < TimeSpan.FromSeconds(6), result.ToString());
            // Figures in it differ from request to request, and a disabled person's own agent says it before the gateway can.
            var words = circumstance == "disabled" ? "is disabled" : sentence[..Math.Min(24, sentence.Length)];
            Assert.Contains(words, (result.Output + result.Error).ReplaceLineEndings(" "), StringComparison.Ordinal);
        }
        finally
        {
            await undo();
        }

        using var after = await World.MessageAsync("hello");
        Assert.Equal(HttpStatusCode.OK, after.StatusCode);
    }

    [SkippableTheory]
    [InlineData(ClaudeForm.Settings)]
    [InlineData(ClaudeForm.Shell)]
    public async Task APeerThatWasNeverEnrolled_IsTold_AndNothingOfItReachesTheGateway(ClaudeForm form)
    {
        await using var agent = await AgentSession.StartWithoutLoginAsync(World.Url);
        var calls = World.Upstream.Ledger.Entries.Count;

        using var response = await agent.Client.PostAsJsonAsync("/v1/messages", new { model = "claude-opus-5-5" });
        var result = await World.ClaudeAsync(agent.Endpoint, form, "say hi");

        var error = JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement.GetProperty("error");
        Assert.Equal("false", Assert.Single(response.Headers.GetValues("x-should-retry")));
        Assert.True(result.ExitCode == 1, result.ToString());
        Assert.True(result.Took < TimeSpan.FromSeconds(6), result.ToString());
        var words = error.GetProperty("message").GetString()!;
        Assert.Contains("netbird-agent up", words, StringComparison.Ordinal);
        Assert.Contains(words[..24], (result.Output + result.Error).ReplaceLineEndings(" "), StringComparison.Ordinal);
        Assert.Equal(calls, World.Upstream.Ledger.Entries.Count);
    }

    [Fact]
    public async Task APersonDisabledMidStream_IsCutWithinASecond()
    {
        await using var dan = await World.AddPersonAsync("dan@example.com", "Engineering");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/messages")
        {
            Content = new StringContent("""{"model":"claude-opus-5-5","max_tokens":99,"stream":true,"messages":[{"role":"user","content":"[[scenario:drip:30]]"}]}"""),
        };
        request.Headers.Add("anthropic-version", "2023-06-01");
        using var response = await dan.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        await using var body = await response.Content.ReadAsStreamAsync();
        Assert.True(await body.ReadAsync(new byte[100]) > 0);

        var user = await FindAsync("/api/users", user => user.GetProperty("email").GetString() == "dan@example.com");
        await ChangeAsync("/api/users", user, node => node["is_blocked"] = true);
        var watch = System.Diagnostics.Stopwatch.StartNew();
        try
        {
            await body.CopyToAsync(Stream.Null);
        }
        catch (IOException)
        {
            // Cut, as it should be.
        }

        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(2), $"the stream went on for {watch.Elapsed.TotalSeconds:F1} s");
    }

    private async Task<Func<Task>> MakeAsync(string circumstance)
    {
        var policy = await FindAsync("/api/agent-network/policies", _ => true);
        var ana = await FindAsync("/api/users", user => user.GetProperty("email").GetString() == "ana@example.com");
        switch (circumstance)
        {
            case "no policy":
                await ChangeAsync("/api/agent-network/policies", policy, node => node["enabled"] = false);
                return () => ChangeAsync("/api/agent-network/policies", policy, _ => { });
            case "model":
                var guardrail = await World.SendAdminAsync(HttpMethod.Post, "/api/agent-network/guardrails", new
                {
                    name = "Haiku only " + Guid.NewGuid(),
                    checks = new { model_allowlist = new { enabled = true, models = new[] { "claude-haiku-*" } } },
                });
                var id = guardrail.GetProperty("id").GetString()!;
                await ChangeAsync("/api/agent-network/policies", policy, node => node["guardrail_ids"] = new JsonArray(id));
                return async () =>
                {
                    await ChangeAsync("/api/agent-network/policies", policy, _ => { });
                    await World.SendAdminAsync(HttpMethod.Delete, "/api/agent-network/guardrails/" + id);
                };
            case "group":
                await ChangeAsync("/api/users", ana, node => node["auto_groups"] = new JsonArray());
                return () => ChangeAsync("/api/users", ana, _ => { });
            case "disabled":
                await ChangeAsync("/api/users", ana, node => node["is_blocked"] = true);
                return async () =>
                {
                    await ChangeAsync("/api/users", ana, _ => { });
                    await UntilServedAsync();
                };
            case "cap":
                await ChangeAsync("/api/agent-network/policies", policy, node => node["limits"] = JsonNode.Parse(
                    """{ "token_limit": { "enabled": true, "group_cap": 0, "user_cap": 1, "window_seconds": 60, "strict": true } }"""));
                return () => ChangeAsync("/api/agent-network/policies", policy, _ => { });
            default:
                throw new ArgumentOutOfRangeException(nameof(circumstance));
        }
    }

    // Someone who was disabled lost the tunnel as well; the agent comes back by itself.
    private async Task UntilServedAsync()
    {
        for (var i = 0; i < 100; i++)
        {
            using var response = await World.MessageAsync("hello");
            if (response.IsSuccessStatusCode)
            {
                return;
            }

            await Task.Delay(200);
        }
    }

    private async Task<JsonElement> FindAsync(string path, Func<JsonElement, bool> wanted)
        => (await World.GetAsync(path)).EnumerateArray().First(wanted);

    /// <summary>PUTs what GET gave, with a change.</summary>
    private Task ChangeAsync(string path, JsonElement resource, Action<JsonNode> change)
    {
        var node = JsonNode.Parse(resource.GetRawText())!;
        change(node);
        return World.SendAdminAsync(HttpMethod.Put, $"{path}/{resource.GetProperty("id").GetString()}", node);
    }
}
