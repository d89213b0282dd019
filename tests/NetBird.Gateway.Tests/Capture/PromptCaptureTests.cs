using System.Text;
using System.Text.Json;
using NetBird.Policy;

namespace NetBird.Gateway.Tests.Capture;

public sealed class PromptCaptureTests
{
    private const string Secret = "I am ana@example.com";

    [Fact]
    public async Task NoGuardrailAsksForIt_NothingIsKept()
    {
        await using var gateway = await TestGateway.StartAsync();

        await gateway.AskAsync(Secret);

        Assert.Empty(gateway.Vault.Kept);
    }

    [Theory]
    [InlineData(true, "I am [email]")]
    [InlineData(false, Secret)]
    public async Task GuardrailAsksForIt_WhatWasSaidIsKeptBeforeItGoesOut(bool redact, string kept)
    {
        await using var gateway = await StartAsync(redact);

        var answer = await gateway.AskAsync(Secret, more: ",\"system\":\"be kind to bob@example.com\"");

        Assert.Equal(200, answer.Status);
        var prompt = Assert.Single(gateway.Vault.Kept);
        var row = await gateway.Journal.SingleAsync();
        Assert.Equal((row.Id, "alice", "claude-opus-5-5", redact, false), (prompt.Request, prompt.User.Value, prompt.Model, prompt.Redacted, prompt.Truncated));
        using var json = JsonDocument.Parse(prompt.Json);
        Assert.Equal(kept, json.RootElement.GetProperty("messages")[0].GetProperty("content")[0].GetProperty("text").GetString());
        Assert.Equal(redact ? "be kind to [email]" : "be kind to bob@example.com", json.RootElement.GetProperty("system").GetString());

        // The provider gets what was sent, byte for byte.
        Assert.Contains("ana@example.com", Encoding.UTF8.GetString(gateway.Upstream.Requests.All.Single().Body), StringComparison.Ordinal);
        Assert.DoesNotContain(gateway.Log.Lines, line => line.Contains("ana@", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Escapes_HideNothing()
    {
        await using var gateway = await StartAsync(redact: true);

        using var client = gateway.Client();
        using var request = TestGateway.Message("x");
        request.Content = new StringContent(
            """{"model":"claude-opus-5-5","max_tokens":100,"messages":[{"role":"user","content":"ana\u0040example.com","\u0061na@example.com":4111111111111111}]}""",
            Encoding.UTF8, "application/json");
        using var response = await client.SendAsync(request);

        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
        var json = Encoding.UTF8.GetString(Assert.Single(gateway.Vault.Kept).Json.Span);
        Assert.Equal("""{"messages":[{"role":"user","content":"[email]","[email]":"[card]"}]}""", json);
    }

    /// <summary>A document of plain text carries its words where a picture carries its bytes.</summary>
    [Fact]
    public async Task WordsInADocument_AreKept()
    {
        await using var gateway = await StartAsync(redact: true);
        var words = string.Concat(Enumerable.Repeat("so many words ", 40)) + "ana@example.com";

        await gateway.AskAsync("hi", more: ",\"system\":[{\"type\":\"document\",\"source\":{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":\"" + words + "\"}}]");

        var json = Encoding.UTF8.GetString(Assert.Single(gateway.Vault.Kept).Json.Span);
        Assert.Contains("so many words [email]", json, StringComparison.Ordinal);
    }

    [Fact]
    public async Task LongConversation_KeepsTheNewestAndSaysSo()
    {
        await using var gateway = await StartAsync(redact: false);
        var messages = Enumerable.Range(0, 40).Select(i => new
        {
            role = i % 2 == 0 ? "user" : "assistant",
            content = (object)(i == 38
                ? new object[] { new { type = "image", source = new { type = "base64", data = new string('A', 50_000) } }, new { type = "text", text = "see" } }
                : $"{i} " + new string('x', 20_000)),
        }).Append(new { role = "user", content = (object)"the last" });
        using var client = gateway.Client();
        using var request = TestGateway.Message("x");
        request.Content = new StringContent(
            JsonSerializer.Serialize(new { model = "claude-opus-5-5", max_tokens = 100, messages }), Encoding.UTF8, "application/json");
        using var response = await client.SendAsync(request);

        Assert.True(response.IsSuccessStatusCode);
        var prompt = Assert.Single(gateway.Vault.Kept);
        Assert.True(prompt.Truncated);
        Assert.InRange(prompt.Json.Length, 100_000, 300_000);
        using var json = JsonDocument.Parse(prompt.Json);
        var kept = json.RootElement.GetProperty("messages");
        Assert.Equal("the last", kept[kept.GetArrayLength() - 1].GetProperty("content").GetString());
        Assert.Contains("50000 characters of data left out", Encoding.UTF8.GetString(prompt.Json.Span), StringComparison.Ordinal);
        Assert.DoesNotContain("\"0 x", Encoding.UTF8.GetString(prompt.Json.Span), StringComparison.Ordinal);
    }

    [Fact]
    public async Task VaultFails_RequestIsRefusedAndNothingGoesOut()
    {
        await using var gateway = await StartAsync(redact: true);
        gateway.Vault.Unusable = true;

        var answer = await gateway.AskAsync(Secret);

        Assert.Equal((503, "api_error"), (answer.Status, answer.ErrorType));
        Assert.Empty(gateway.Upstream.Requests.All);
        var row = await gateway.Journal.SingleAsync();
        Assert.Equal((0L, DenyReason.CheckFailed), (row.Usage.Tokens.Total, row.DenyReason!.Value));
    }

    /// <summary>Half of an emoji, as a tool's output that was cut in it has it: said at once, where "the gateway failed" is asked again for minutes.</summary>
    [Fact]
    public async Task TextThatIsNoUnicode_IsRefusedWithWords()
    {
        await using var gateway = await StartAsync(redact: false);

        var answer = await gateway.AskAsync("hi", more: ",\"system\":\"half \\ud83d\"");

        Assert.Equal((400, "policy_blocked"), (answer.Status, answer.ErrorType));
        Assert.Contains("not valid Unicode", answer.Message, StringComparison.Ordinal);
        Assert.Empty(gateway.Upstream.Requests.All);
        Assert.Equal(DenyReason.Malformed, (await gateway.Journal.SingleAsync()).DenyReason);
    }

    private static async Task<TestGateway> StartAsync(bool redact)
    {
        var gateway = await TestGateway.StartAsync();
        gateway.Account.Guardrails.Add(new(new("capture"), "Capture", null, null, new PromptCapture(redact)));
        gateway.Account.Publish();
        return gateway;
    }
}
