using NetBird.Gateway.Metering;
using NetBird.Policy;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace NetBird.Gateway.Tests.Metering;

/// <summary>What the journal holds of a request that goes on, for the case that this process ends now.</summary>
public sealed class StrictBoundTests
{
    [Theory]
    [InlineData("")]
    [InlineData(""","tools":[{"name":"t","input_schema":{}}]""")]
    [InlineData(""","system":[{"type":"text","text":"x","cache_control":{"type":"ephemeral","ttl":"1h"}}]""")]
    [InlineData(",\"speed\":\"fast\"")]
    [InlineData(""","fallbacks":[{"model":"claude-fable-5-1","max_tokens":3000000},{"model":"claude-haiku-5-5"}]""")]
    [InlineData(",\"fallbacks\":\"default\"")]
    public async Task Begin_UnderAStrictCap_HoldsAllThatCanBeCharged(string more)
    {
        await using var gateway = await StartAsync(strict: true);

        var answer = await gateway.AskAsync("hi [[scenario:big:4000]]", stream: false, more: more);

        Assert.Equal(200, answer.Status);
        var row = await gateway.Journal.SingleAsync();
        var begun = Assert.Single(gateway.Journal.Begun);
        var bound = PriceTable.Default.UpperBound(TestAccount.Anthropic, gateway.Reservations.Asked.Single().Request, begun.Timestamp);
        Assert.Equal((bound.Tokens, bound.Cost), (begun.Usage.Tokens.Total, begun.Cost));
        Assert.True(begun.Cost.Value >= row.Cost.Value && begun.Usage.Tokens.Total >= row.Usage.Tokens.Total);
        Assert.Equal(gateway.Upstream.Ledger.Entries.Single().OutputTokens, row.Usage.Tokens.Output);
    }

    /// <summary>Nothing bounds how often the provider runs its own tools: under a strict cap they are refused before anything goes out.</summary>
    [Theory]
    [InlineData(true, ""","tools":[{"type":"web_search_20250305","name":"web_search"}]""", 400)]
    [InlineData(true, ""","mcp_servers":[{"type":"url","url":"https://a"}]""", 400)]
    [InlineData(true, ""","tools":[{"type":"advisor_20260301","name":"advisor","model":"claude-opus-5-5"}]""", 400)]
    [InlineData(true, ""","context_management":{"edits":[{"type":"compact_20260112"}]}""", 400)]
    [InlineData(true, ""","messages ":1,"tools":[{"type":"tool_search_tool_regex_20251119","name":"t"}]""", 400)]
    [InlineData(false, ""","tools":[{"type":"web_search_20250305","name":"web_search"}]""", 200)]
    public async Task ToolsOfTheProvider_UnderAStrictCap_AreRefused(bool strict, string more, int status)
    {
        await using var gateway = await StartAsync(strict);

        var answer = await gateway.AskAsync("hi", more: more);

        Assert.Equal(status, answer.Status);
        Assert.Equal(strict ? 0 : 1, gateway.Upstream.Requests.All.Count);
        if (strict)
        {
            Assert.Equal(("policy_blocked", DenyReason.CallNotOffered), (answer.ErrorType, (await gateway.Journal.SingleAsync()).DenyReason!.Value));
            Assert.Contains("strict limit of \"Engineering\"", answer.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Begin_UnderADefaultCap_HoldsTheEstimate()
    {
        await using var gateway = await StartAsync(strict: false);

        await gateway.AskAsync("hi");

        await gateway.Journal.SingleAsync();
        var begun = Assert.Single(gateway.Journal.Begun);
        Assert.Equal((0L, (begun.RequestBytes + 3) / 4), (begun.Usage.Tokens.Output, begun.Usage.Tokens.Input));
    }

    /// <summary>Under a strict cap a request that ends without figures counts with all that it may be charged, the prompt as it was told where it was.</summary>
    [Theory]
    [InlineData("reset", true, true)]
    [InlineData("cut:0", true, true)]
    [InlineData("cut", false, true)]
    [InlineData("no-usage", false, true)]
    [InlineData("reset", true, false)]
    [InlineData("cut", false, false)]
    [InlineData("cut:6", true, true)]
    public async Task Cut_UnderAStrictCap_CountsTheBound(string scenario, bool stream, bool strict)
    {
        await using var gateway = await StartAsync(strict);

        try
        {
            await gateway.AskAsync($"hi [[scenario:{scenario}]]", stream);
        }
        catch (HttpRequestException)
        {
            // A plain answer that was cut is not passed off as whole.
        }

        var row = await gateway.Journal.SingleAsync();
        var told = scenario == "cut:6";
        Assert.Equal(Completeness.Interrupted, row.Completeness);
        Assert.Equal(strict, row.Usage.Tokens.Output == 2_000_000);
        Assert.Equal(strict && !told ? row.RequestBytes : told ? gateway.Upstream.Ledger.Entries.Single().InputTokens : (row.RequestBytes + 3) / 4, row.Usage.Tokens.Prompt);
        Assert.Equal((row.Usage, row.Cost), gateway.Reservations.Held[row.Id]);
        Assert.Equal(strict, row.Cost.Value >= 2_000_000L * 20_000);
    }

    /// <summary>What thinks unseen, and what was generated and not sent, is billed: only the provider's own last word tells it.</summary>
    [Theory]
    [InlineData("drip:3]][[scenario:events:60", true)]
    [InlineData("slow-first-byte:2", true)]
    [InlineData("slow-first-byte:2", false)]
    public async Task CallerWhoLeaves_UnderAStrictCap_IsChargedWhatTheProviderTellsAtTheEnd(string scenario, bool stream)
    {
        await using var gateway = await StartAsync(strict: true);
        var client = gateway.Client();
        var asked = client.SendAsync(TestGateway.Message($"[[scenario:{scenario}]]", stream), HttpCompletionOption.ResponseHeadersRead);
        for (var tries = 0; tries < 1000 && !(scenario[0] == 'd' ? asked.IsCompleted : gateway.Journal.Begun.Count == 1); tries++)
        {
            await Task.Delay(10);
        }

        client.CancelPendingRequests();
        client.Dispose();

        var row = await gateway.Journal.SingleAsync();
        var billed = gateway.Upstream.Ledger.Entries.Single();
        Assert.Equal("completed", billed.Outcome);
        Assert.Equal(Completeness.Complete, row.Completeness);
        Assert.Equal((billed.InputTokens, billed.OutputTokens), (row.Usage.Tokens.Prompt, row.Usage.Tokens.Output));
        Assert.Equal((row.Usage, row.Cost), gateway.Reservations.Held[row.Id]);
    }

    [Theory]
    [InlineData("", "gzip")]
    [InlineData("gzip", "gzip")]
    [InlineData("br", "br")]
    public async Task Note_AnswerUnderWay_KeepsTheAnswersBound(string scenario, string accepted)
    {
        await using var gateway = await StartAsync(strict: true);

        await gateway.AskAsync(
            $"hi [[scenario:drip:2]] [[scenario:{scenario}]]", change: request => request.Headers.TryAddWithoutValidation("accept-encoding", accepted));

        await gateway.Journal.SingleAsync();
        var notes = gateway.Journal.Notes.ToList();
        Assert.NotEmpty(notes);
        var billed = gateway.Upstream.Ledger.Entries.Single();
        Assert.All(notes, note => Assert.Equal(2_000_000, note.Usage.Tokens.Output));

        // Once the provider has told the prompt, it is that and no bound.
        Assert.Equal(billed.InputTokens, notes[^1].Usage.Tokens.Prompt);
        Assert.Equal((billed.InputTokens * 4_000) + (2_000_000L * 20_000), notes[^1].Cost.Value);
    }

    /// <summary>Another model may yet be asked, with a prompt of which nothing is told.</summary>
    [Fact]
    public async Task Note_AnswerUnderWay_WithAModelToFallBackTo_KeepsAllOfIt()
    {
        await using var gateway = await StartAsync(strict: true);

        await gateway.AskAsync("hi [[scenario:drip:2]]", more: ",\"fallbacks\":[{\"model\":\"claude-sonnet-5-5\"}]");

        var row = await gateway.Journal.SingleAsync();
        Assert.NotEmpty(gateway.Journal.Notes);
        Assert.All(gateway.Journal.Notes, note => Assert.Equal((2 * row.RequestBytes, 4_000_000L), (note.Usage.Tokens.Prompt, note.Usage.Tokens.Output)));
        Assert.Equal(Completeness.Complete, row.Completeness);
    }

    private static async Task<TestGateway> StartAsync(bool strict)
    {
        var gateway = await TestGateway.StartAsync();
        gateway.Account.Limits = new(null, new(0, 1_000 * NanoUsd.PerUsd, TimeSpan.FromDays(1), strict));
        gateway.Account.Publish();
        return gateway;
    }
}
