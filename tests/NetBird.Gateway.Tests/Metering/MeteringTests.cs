using FakeAnthropic;
using NetBird.Gateway.Metering;
using NetBird.Policy;
using NetBird.Policy.Pricing;

namespace NetBird.Gateway.Tests.Metering;

public sealed class MeteringTests
{
    public static TheoryData<string, bool> Answers
    {
        get
        {
            var data = new TheoryData<string, bool>();
            foreach (var scenario in (string[])
                ["", "tool", "thinking", "search", "unknown-fields", "thinking]][[scenario:search]][[scenario:unknown-fields", "events:300", "crlf",
                 "gzip", "br", "zstd", "deflate", "gzip]][[scenario:events:300", "br]][[scenario:events:300", "zstd]][[scenario:events:300",
                 "model:claude-haiku-5-5", "model:claude-unheard-of-1",
                 "figures:in=11,out=22,read=33,w5=44,w1=55,search=6,tier=batch,geo=us,speed=fast", "figures:in=0,out=0", "big:200000"])
            {
                data.Add(scenario, true);
                data.Add(scenario, false);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Answers))]
    public async Task Answer_Metered_EqualsTheProvidersLedger(string scenario, bool stream)
    {
        await using var gateway = await TestGateway.StartAsync();

        var answer = await gateway.AskAsync(
            $"hi [[scenario:{scenario}]]", stream,
            more: ""","system":[{"type":"text","text":"be kind, be quick and say so in the end","cache_control":{"type":"ephemeral","ttl":"1h"}}]""",
            change: request => request.Headers.TryAddWithoutValidation("accept-encoding", "gzip, deflate, br, zstd"));

        Assert.Equal(200, answer.Status);
        var row = await gateway.Journal.SingleAsync();
        var billed = Assert.Single(gateway.Upstream.Ledger.Entries);
        Assert.Equal("completed", billed.Outcome);
        Assert.Equal(Completeness.Complete, row.Completeness);
        Assert.Equal(billed.InputTokens, row.Usage.Tokens.Input);
        Assert.Equal(billed.OutputTokens, row.Usage.Tokens.Output);
        Assert.Equal(billed.CacheReadInputTokens, row.Usage.Tokens.CacheRead);
        Assert.Equal(billed.CacheCreation5mInputTokens, row.Usage.Tokens.CacheWrite5m);
        Assert.Equal(billed.CacheCreation1hInputTokens, row.Usage.Tokens.CacheWrite1h);
        Assert.Equal(billed.WebSearchRequests, row.Usage.WebSearchRequests);
        Assert.Equal(billed.ServiceTier == "batch" ? ServiceTier.Batch : ServiceTier.Standard, row.Usage.Tier);
        Assert.Equal(billed.InferenceGeo == "us", row.Usage.InferenceInUs);
        Assert.Equal(billed.Speed == "fast", row.Usage.Fast);
        Assert.Equal(billed.Model, row.Model);
        Assert.Equal(stream, row.Stream);
        Assert.Equal(PriceTable.Default.Price(TestAccount.Anthropic, billed.Model, row.Usage, row.Timestamp).Cost, row.Cost);
        Assert.Equal(billed.Model == "claude-unheard-of-1", row.PriceUnknown);
        Assert.Equal((row.Usage, row.Cost), gateway.Reservations.Held[row.Id]);
        Assert.Empty(gateway.Reservations.Inexact);
        Assert.Equal(answer.Body.Length, row.ResponseBytes);
        Assert.NotNull(row.TimeToFirstByte);
        Assert.Empty(gateway.Journal.Open);
    }

    /// <summary>What the provider bills beside the answer is a row each, at its own model's price, and charged with the request.</summary>
    [Theory]
    [InlineData("advisor", true)]
    [InlineData("advisor", false)]
    [InlineData("advisor:claude-unheard-of-1]][[scenario:gzip", true)]
    [InlineData("compaction", true)]
    [InlineData("compaction]][[scenario:advisor]][[scenario:figures:geo=us", false)]
    [InlineData("fallback", true)]
    [InlineData("fallback]][[scenario:advisor", false)]
    public async Task PartsThatOnlyIterationsTell_AreMetered_EachAtItsModel(string scenario, bool stream)
    {
        await using var gateway = await TestGateway.StartAsync();

        var answer = await gateway.AskAsync($"hi [[scenario:{scenario}]]", stream, model: "claude-haiku-5-5");

        Assert.Equal(200, answer.Status);
        var billed = gateway.Upstream.Ledger.Entries;
        var rows = await gateway.Journal.CountAsync(billed.Count);
        Assert.Equal(
            billed.Select(entry => (entry.Model, entry.InputTokens, entry.CacheReadInputTokens, entry.OutputTokens, entry.InferenceGeo == "us")).Order(),
            rows.Select(row => (row.Model, row.Usage.Tokens.Input, row.Usage.Tokens.CacheRead, row.Usage.Tokens.Output, row.Usage.InferenceInUs)).Order());
        Assert.All(rows, row => Assert.Equal(PriceTable.Default.Price(TestAccount.Anthropic, row.Model, row.Usage, row.Timestamp).Cost, row.Cost));
        var whole = Assert.Single(rows, row => row.Kind == RequestKind.Messages);
        Assert.All(rows.Where(row => row.Kind is RequestKind.Part), part => Assert.Equal((whole.Id, whole.User, whole.Policy), (UsageRecord.WholeId(part.Id), part.User, part.Policy)));
        var (used, cost) = gateway.Reservations.Held[whole.Id]!.Value;
        Assert.Equal((rows.Sum(row => row.Usage.Tokens.Total), rows.Sum(row => row.Cost.Value)), (used.Tokens.Total, cost.Value));
    }

    /// <summary>The figures of an advisor come with the end of an answer, which never came: its call was seen, and is estimated at its own model's price.</summary>
    [Theory]
    [InlineData("", "claude-haiku-5-5")]
    [InlineData(""","tools":[{"type":"advisor_20260301","name":"advisor","model":"claude-opus-5-5"}],"fallbacks":[{"model":"claude-sonnet-5-5"}]""", "claude-opus-5-5")]
    public async Task StreamCutAfterAnAdvisorWasAsked_ItsWordsAreEstimated(string more, string model)
    {
        await using var gateway = await TestGateway.StartAsync();

        await gateway.AskAsync("hi [[scenario:advisor]][[scenario:cut:9]]", stream: true, model: "claude-haiku-5-5", more: more);

        var rows = await gateway.Journal.CountAsync(2);
        var part = Assert.Single(rows, row => row.Kind is RequestKind.Part);
        var whole = Assert.Single(rows, row => row.Kind is RequestKind.Messages);
        Assert.Equal((model, Completeness.Interrupted, whole.Id), (part.Model, part.Completeness, UsageRecord.WholeId(part.Id)));
        Assert.InRange(part.Usage.Tokens.Input, whole.Usage.Tokens.Prompt, whole.Usage.Tokens.Prompt + 10);
        Assert.Equal(1_800, part.Usage.Tokens.Output);
        Assert.Equal(PriceTable.Default.Price(TestAccount.Anthropic, model, part.Usage, part.Timestamp).Cost, part.Cost);
        var (used, cost) = gateway.Reservations.Held[whole.Id]!.Value;
        Assert.Equal((rows.Sum(row => row.Usage.Tokens.Total), rows.Sum(row => row.Cost.Value)), (used.Tokens.Total, cost.Value));
        Assert.Contains(whole.Id, gateway.Reservations.Inexact);
    }

    /// <summary>A crash leaves what was noted last: with the advisor that was asked.</summary>
    [Fact]
    public async Task StreamUnderWay_AfterAnAdvisorWasAsked_IsNotedWithItsWords()
    {
        await using var gateway = await TestGateway.StartAsync();

        await gateway.AskAsync("hi [[scenario:advisor]][[scenario:drip:2]][[scenario:cut:9]]", stream: true, model: "claude-haiku-5-5");

        var part = Assert.Single(await gateway.Journal.CountAsync(2), row => row.Kind is RequestKind.Part);
        var noted = Assert.Single(gateway.Journal.NotedBeside);
        Assert.Equal((part.Id, part.Model, part.Usage.Tokens.Output, Completeness.Interrupted), (noted.Id, noted.Model, noted.Usage.Tokens.Output, noted.Completeness));
        Assert.True(noted.Cost.Value > 0);
    }

    [Theory]
    [InlineData("malformed-usage", true)]
    [InlineData("malformed-usage", false)]
    [InlineData("no-usage", true)]
    [InlineData("no-usage", false)]
    public async Task Answer_WithoutReadableUsage_IsEstimatedAndMarked(string scenario, bool stream)
    {
        await using var gateway = await TestGateway.StartAsync();

        var answer = await gateway.AskAsync($"hi [[scenario:{scenario}]]", stream);

        var row = await gateway.Journal.SingleAsync();
        Assert.Equal(200, answer.Status);
        Assert.Equal(Completeness.Interrupted, row.Completeness);
        Assert.Equal((row.RequestBytes + 3) / 4, row.Usage.Tokens.Input);
        Assert.True(row.Usage.Tokens.Output > 0);
        Assert.True(row.Cost.Value > 0);
        Assert.Contains(gateway.Log.Lines, line => line.Contains("no usage that can be read", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("cut:0")]
    [InlineData("cut:1")]
    [InlineData("cut:6")]
    [InlineData("eof:0")]
    [InlineData("eof:6")]
    [InlineData("sse-error:1")]
    [InlineData("sse-error:7")]
    [InlineData("gzip]][[scenario:eof:6")]
    [InlineData("zstd]][[scenario:cut:6")]
    public async Task Stream_BrokenByTheProvider_EndsCleanly_AndIsMeteredAsFarAsItCame(string scenario)
    {
        await using var gateway = await TestGateway.StartAsync();

        // Would throw where the body does not end as HTTP says it must.
        var answer = await gateway.AskAsync(
            $"hi [[scenario:{scenario}]]",
            change: request => request.Headers.TryAddWithoutValidation("accept-encoding", "gzip, zstd"));

        Assert.Equal(200, answer.Status);
        var row = await gateway.Journal.SingleAsync();
        var billed = Assert.Single(gateway.Upstream.Ledger.Entries);
        Assert.Equal(Completeness.Interrupted, row.Completeness);
        Assert.Equal(billed.SentUsage == "none" ? (row.RequestBytes + 3) / 4 : billed.InputTokens, row.Usage.Tokens.Input);
        Assert.InRange(row.Usage.Tokens.Output, Math.Max(1, billed.SentOutputTokens - billed.SentEvents), billed.SentOutputTokens + billed.SentEvents + 5);
        Assert.True(row.Cost.Value > 0);
    }

    [Fact]
    public async Task PlainAnswer_BrokenByTheProvider_IsNotPassedOffAsWhole()
    {
        await using var gateway = await TestGateway.StartAsync();

        await Assert.ThrowsAsync<HttpRequestException>(() => gateway.AskAsync("hi [[scenario:cut]]", stream: false));

        var row = await gateway.Journal.SingleAsync();
        Assert.Equal(Completeness.Interrupted, row.Completeness);
        Assert.True(row.Usage.Tokens.Output > 0);
    }

    [Fact]
    public async Task Connection_BrokenBeforeAnyAnswer_IsAnswered502_AndMetered()
    {
        await using var gateway = await TestGateway.StartAsync();

        var answer = await gateway.AskAsync("hi [[scenario:reset]]");

        Assert.Equal(502, answer.Status);
        Assert.Equal("api_error", answer.ErrorType);
        Assert.Null(answer.Header("x-should-retry"));
        var row = await gateway.Journal.SingleAsync();
        Assert.Equal(Completeness.Interrupted, row.Completeness);
        Assert.Equal((row.RequestBytes + 3) / 4, row.Usage.Tokens.Input);
    }

    [Theory]
    [InlineData("reset")]
    [InlineData("cut:0")]
    [InlineData("no-usage")]
    public async Task FastModeAskedFor_AndNoWordOfItInTheAnswer_IsEstimatedAtItsPrice(string scenario)
    {
        await using var gateway = await TestGateway.StartAsync();

        await gateway.AskAsync($"hi [[scenario:{scenario}]]", more: ",\"speed\":\"fast\"");

        var row = await gateway.Journal.SingleAsync();
        Assert.Equal((Completeness.Interrupted, true), (row.Completeness, row.Usage.Fast));
        Assert.True(gateway.Journal.Begun.Single().Usage.Fast);
        Assert.Equal((row.Usage.Tokens.Input * 8_000) + (row.Usage.Tokens.Output * 40_000), row.Cost.Value);
    }

    [Fact]
    public async Task EachCall_IsBegun_BeforeItGoesUpstream()
    {
        await using var gateway = await TestGateway.StartAsync();
        gateway.Journal.Unwritable = true;

        var answer = await gateway.AskAsync("hi");

        Assert.Equal(503, answer.Status);
        Assert.Equal("api_error", answer.ErrorType);
        Assert.Equal("5", answer.Header("retry-after"));
        Assert.Empty(gateway.Upstream.Requests.All);
        Assert.Equal(default, Assert.Single(gateway.Reservations.Held).Value!.Value.Used);
    }

    [Fact]
    public async Task Ledger_OfManyRequests_EqualsOurs_ToTheToken()
    {
        await using var gateway = await TestGateway.StartAsync();
        string[] scenarios = ["", "gzip", "br", "events:50", "tool", "search", "error:500", "error:429", "thinking", "zstd"];
        string[] models = ["claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5"];

        await Parallel.ForAsync(0, 150, new ParallelOptions { MaxDegreeOfParallelism = 24 }, async (i, _) => await gateway.AskAsync(
            $"number {i} [[scenario:{scenarios[i % scenarios.Length]}]]", stream: i % 3 != 0, i % 2 == 0 ? TestAccount.Alice : TestAccount.Bob,
            models[i % models.Length], more: ",\"system\":[{\"type\":\"text\",\"text\":\"x\",\"cache_control\":{\"type\":\"ephemeral\"}}]",
            change: request => request.Headers.TryAddWithoutValidation("accept-encoding", "gzip, br, zstd")));

        var rows = (await gateway.Journal.CountAsync(150)).ToDictionary(row => row.ProviderRequestId!);
        Assert.Equal(150, gateway.Upstream.Ledger.Entries.Count);
        foreach (var billed in gateway.Upstream.Ledger.Entries)
        {
            var row = rows[billed.RequestId];
            Assert.Equal(Completeness.Complete, row.Completeness);
            Assert.Equal(
                (billed.InputTokens, billed.OutputTokens, billed.CacheReadInputTokens, billed.CacheCreation5mInputTokens, billed.WebSearchRequests),
                (row.Usage.Tokens.Input, row.Usage.Tokens.Output, row.Usage.Tokens.CacheRead, row.Usage.Tokens.CacheWrite5m, row.Usage.WebSearchRequests));
        }

        Assert.Empty(gateway.Upstream.Requests.Violations);
    }
}
