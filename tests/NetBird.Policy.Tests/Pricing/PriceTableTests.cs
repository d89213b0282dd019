using System.Text.Json;
using CsCheck;
using NetBird.Policy.Pricing;
using NetBird.Primitives;
using static NetBird.Policy.Tests.Scene;

namespace NetBird.Policy.Tests.Pricing;

/// <summary>Prices against sums made another way: decimal dollars from the JSON text, no code of the product.</summary>
public sealed class PriceTableTests
{
    private static readonly JsonDocument Json = JsonDocument.Parse(
        typeof(PriceTable).Assembly.GetManifestResourceStream("prices.json")!);

    /// <summary>Every row of every model.</summary>
    public static TheoryData<string, int> Rows()
    {
        var rows = new TheoryData<string, int>();
        foreach (var model in Json.RootElement.GetProperty("models").EnumerateObject())
        {
            for (var i = 0; i < model.Value.GetArrayLength(); i++)
            {
                rows.Add(model.Name, i);
            }
        }

        return rows;
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void Price_EveryBucketOfEveryRow_IsTheListPrice(string model, int index)
    {
        var row = Json.RootElement.GetProperty("models").GetProperty(model)[index];
        var at = row.TryGetProperty("from", out var from) ? from.GetDateTimeOffset().AddHours(1) : Noon;
        var band = row.TryGetProperty("above_prompt_tokens", out var threshold) ? threshold.GetInt64() : 0;
        foreach (var (bucket, tokens) in Buckets(1_000))
        {
            var expected = Usd(row, bucket) * 1_000 / 1_000_000;
            Assert.Equal(expected, Price(model, new(tokens), at).ToUsd());
        }

        if (band == 0)
        {
            return;
        }

        foreach (var (bucket, tokens) in Buckets(band + 1))
        {
            // Output alone is no prompt: it stays in the lower band.
            var rates = bucket == "output" ? row : row.GetProperty("above");
            Assert.Equal(Usd(rates, bucket) * (band + 1) / 1_000_000, Price(model, new(tokens), at).ToUsd());
        }

        // One token past the band by all prompt buckets together: output too is priced by the upper band.
        var above = row.GetProperty("above");
        Assert.Equal(
            ((Usd(above, "input") * 1) + (Usd(above, "output") * 7) + (Usd(above, "cache_read") * (band - 2))
                + (Usd(above, "cache_write_5m") * 1) + (Usd(above, "cache_write_1h") * 1)) / 1_000_000,
            Price(model, new(new(1, 7, band - 2, 1, 1)), at).ToUsd());
        Assert.Equal(
            ((Usd(row, "output") * 7) + (Usd(row, "cache_read") * band)) / 1_000_000,
            Price(model, new(new(0, 7, band)), at).ToUsd());
    }

    [Fact]
    public void Price_AnyUsageOfAnyModel_AgreesWithDecimalDollars()
    {
        var models = Json.RootElement.GetProperty("models").EnumerateObject().Select(m => m.Name).ToArray();
        var count = Gen.Long[0, 300_000];
        Gen.Select(
            Gen.Int[0, models.Length - 1],
            Gen.Select(count, count, count, count, count),
            Gen.Int[0, 5],
            Gen.Enum<ServiceTier>(),
            Gen.Bool,
            Gen.Int[0, 3]).Sample(
            (m, t, searches, tier, us, runs) =>
            {
                var row = Json.RootElement.GetProperty("models").GetProperty(models[m]).EnumerateArray().Last();
                var tokens = new TokenUsage(t.Item1, t.Item2, t.Item3, t.Item4, t.Item5);
                var rates = row.TryGetProperty("above_prompt_tokens", out var band)
                    && t.Item1 + t.Item3 + t.Item4 + t.Item5 > band.GetInt64() ? row.GetProperty("above") : row;
                var usd = ((Usd(rates, "input") * t.Item1) + (Usd(rates, "output") * t.Item2)
                    + (Usd(rates, "cache_read") * t.Item3) + (Usd(rates, "cache_write_5m") * t.Item4)
                    + (Usd(rates, "cache_write_1h") * t.Item5)) / 1_000_000m
                    * (tier == ServiceTier.Batch ? 0.5m : 1m) * (us ? 1.1m : 1m);

                // Five minutes at five cents an hour, rounded up to a nano-dollar; free beside a search.
                var expected = Math.Round(usd, 9, MidpointRounding.ToEven) + (searches * 0.01m) + (runs > 0 && searches == 0 ? 0.004166667m : 0m);
                return Price(models[m], new(tokens, searches, tier, InferenceInUs: us, CodeExecutionRequests: runs), Noon).ToUsd() == expected;
            },
            iter: 20_000);
    }

    [Theory]
    [InlineData("2026-10-06T23:59:59Z", 200)]
    [InlineData("2026-10-07T00:00:00Z", 100)]
    [InlineData("2020-01-01T00:00:00Z", 200)]
    public void Price_DatedModel_TakesThePriceOfThatDay(string at, long nanoUsdPerCacheRead)
        => Assert.Equal(
            nanoUsdPerCacheRead,
            Price("claude-sonnet-5-5", new(new(0, 0, CacheRead: 1)), DateTimeOffset.Parse(at, null)).Value);

    [Fact]
    public void Price_FastMode_TakesFastRatesAndScalesThoseNotListed()
    {
        Assert.Equal(8_000 + 40_000, Price("claude-opus-5-5", new(new(1, 1), Fast: true), Noon).Value);
        Assert.Equal(16_000, Price("claude-opus-5-5", new(new(0, 0, CacheWrite1h: 1), Fast: true), Noon).Value);
        Assert.Equal(10_000 + 400, Price("claude-opus-5-5", new(new(0, 0, CacheRead: 1, CacheWrite5m: 1), Fast: true), Noon).Value);
    }

    [Fact]
    public void Price_FastModeWithoutAFastPrice_IsDearAndFlagged()
    {
        var priced = PriceTable.Default.Price(Anthropic, "claude-opus-4-8", new(new(1, 0), Fast: true), Noon);

        Assert.Equal(new PricedUsage(new(10_000), Known: false), priced);
    }

    [Theory]
    [InlineData("claude-opus-5-5-20261001", "claude-opus-5-5")]
    [InlineData("claude-opus-4-20250514", "claude-opus-4")]
    [InlineData("claude-opus-4-1@20250805", "claude-opus-4-1")]
    [InlineData("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5")]
    [InlineData("anthropic/claude-haiku-4.5", "claude-haiku-4-5")]
    [InlineData("claude-fable-5-1-latest", "claude-fable-5-1")]
    [InlineData("claude-opus-4-6[1m]", "claude-opus-4-6")]
    [InlineData("claude-mythos-5-1-preview", "claude-mythos-5-1")]
    public void Price_VariantOfAKnownModel_CostsTheSameAndIsKnown(string variant, string model)
    {
        var usage = new RequestUsage(new(11, 13, 17, 19, 23));

        var priced = PriceTable.Default.Price(Anthropic, variant, usage, Noon);

        Assert.Equal(new(Price(model, usage, Noon), Known: true), priced);
    }

    [Theory]
    [InlineData("claude-opus-9-9", 15_000, 75_000)]
    [InlineData("claude-opus-4-9", 15_000, 75_000)]
    [InlineData("claude-3-5-haiku-20241022", 1_000, 5_000)]
    [InlineData("claude-haiku-6", 1_000, 5_000)]
    [InlineData("gpt-6", 15_000, 75_000)]
    [InlineData("", 15_000, 75_000)]
    public void Price_UnknownModel_IsTheDearestOfItsFamilyElseOfAll(string model, long input, long output)
    {
        var priced = PriceTable.Default.Price(Anthropic, model, new(new(1, 1)), Noon);

        Assert.Equal(new PricedUsage(new(input + output), Known: false), priced);
    }

    [Fact]
    public void Price_Override_HoldsForItsProviderFromItsDate()
    {
        var own = new ModelPrice(Noon, ModelRates.FromInputAndOutput(3_000, 9_000));
        var table = PriceTable.Default.WithOverrides([new(Anthropic, "claude-opus-5-5", own), new(Anthropic, "house-model", own)]);
        var usage = new RequestUsage(new(1, 1, 1, 1, 1));

        Assert.Equal(3_000 + 9_000 + 300 + 3_750 + 6_000, table.Price(Anthropic, "claude-opus-5-5-20261001", usage, Noon).Cost.Value);
        Assert.True(table.Price(Anthropic, "house-model", usage, Noon).Known);
        Assert.False(table.Price(new("other"), "house-model", usage, Noon).Known);
        var list = Price("claude-opus-5-5", usage, Noon);
        Assert.Equal(list, table.Price(new("other"), "claude-opus-5-5", usage, Noon).Cost);
        Assert.Equal(list, table.Price(Anthropic, "claude-opus-5-5", usage, Noon.AddTicks(-1)).Cost);
    }

    [Fact]
    public void Price_TenMillionHalfNanos_DoNotDrift()
    {
        // 5 tokens at 125 nano-USD, halved: 312.5. Alternating with 7: 437.5. To even: 312 and 438, exact in sum.
        var sum = NanoUsd.Zero;
        for (var i = 0; i < 10_000_000; i++)
        {
            var tokens = new TokenUsage(0, 0, CacheWrite5m: (i & 1) == 0 ? 5 : 7);
            sum += Price("claude-haiku-5-5", new(tokens, Tier: ServiceTier.Batch), Noon);
        }

        Assert.Equal(10_000_000m * 6 * 125 / 2 / 1_000_000_000m, sum.ToUsd());
    }

    [Fact]
    public void Price_CountsPastAnyMeaning_AreLargestNotAnError()
    {
        Assert.Equal(long.MaxValue, Price("claude-opus-4", new(new(long.MaxValue, long.MaxValue)), Noon).Value);
        Assert.Equal(0, Price("claude-opus-4", new(new(-5, -1)), Noon).Value);
    }

    [Fact]
    public void UpperBound_AnyUsageWithinTheRequest_IsNeverDearer()
    {
        var models = PriceTable.Default.Models.Append("claude-nova-1").ToArray();
        Gen.Select(
            Gen.Int[0, models.Length - 1],
            Gen.Long[0, 200_000],
            Gen.Long[0, 20_000],
            Gen.Select(Gen.Int[0, 100], Gen.Int[0, 100], Gen.Int[0, 100], Gen.Int[0, 100]),
            Gen.Select(Gen.Bool, Gen.Bool, Gen.Bool)).Sample(
            (m, body, maxTokens, shares, flags) =>
            {
                var (fast, hour, us) = flags;
                var request = Message(models[m], maxTokens, body) with { Fast = fast, CacheWrite1h = hour };
                var bound = PriceTable.Default.UpperBound(Anthropic, request, Noon);

                // Any split of at most the body's bytes over the buckets.
                var total = Math.Max(1, shares.Item1 + shares.Item2 + shares.Item3 + shares.Item4);
                long Part(int share) => body * share / total;
                var tokens = new TokenUsage(
                    Part(shares.Item1),
                    maxTokens,
                    Part(shares.Item2),
                    Part(shares.Item3) + (hour ? 0 : Part(shares.Item4)),
                    hour ? Part(shares.Item4) : 0);
                return tokens.Total <= bound.Tokens
                    && Price(models[m], new(tokens, Fast: fast, InferenceInUs: us), Noon) <= bound.Cost;
            },
            iter: 20_000);
    }

    [Fact]
    public void UpperBound_NoMaxTokensAndInputElsewhere_TakesTheLongestThereIs()
    {
        var request = Message(maxTokens: null, bodyBytes: 10) with { UnboundedInput = true };

        var bound = PriceTable.Default.UpperBound(Anthropic, request, Noon);

        Assert.Equal(1_000_000 + 128_000, bound.Tokens);
        Assert.Equal(((1_000_000L * 5_000) + (128_000L * 20_000)) * 11 / 10, bound.Cost.Value);
    }

    [Fact]
    public void UpperBound_ProviderAddsWordsOfItsOwn_LeavesRoomForThem()
    {
        var request = Message(maxTokens: 100, bodyBytes: 50);

        Assert.Equal(150, PriceTable.Default.UpperBound(Anthropic, request, Noon).Tokens);
        Assert.Equal(150 + PriceTable.AddedPromptTokens, PriceTable.Default.UpperBound(Anthropic, request with { AddedPrompt = true }, Noon).Tokens);
    }

    /// <summary>Each model that may answer in its place does all of it once more, at its own price; those that the provider may choose are the dearest there are.</summary>
    [Fact]
    public void UpperBound_ModelsToFallBackTo_AreEachBoundedToo()
    {
        var request = Message("claude-haiku-4-5", maxTokens: 100, bodyBytes: 50);
        var named = request with { OtherModels = ["claude-opus-5-5", "claude-fable-5"] };
        var any = named with { AnyFallback = true };
        RequestBound Bound(ModelRequest of) => PriceTable.Default.UpperBound(Anthropic, of, Noon);
        long Alone(string model) => Bound(request with { Model = model }).Cost.Value;

        Assert.Equal((3 * 150, Alone(request.Model) + Alone("claude-opus-5-5") + Alone("claude-fable-5")), (Bound(named).Tokens, Bound(named).Cost.Value));
        Assert.Equal((6 * 150, Bound(named).Cost.Value + (3 * Alone("nobody-knows-it"))), (Bound(any).Tokens, Bound(any).Cost.Value));
        Assert.Equal((6 * 50, 6 * 100), (PriceTable.MostUsage(any).Tokens.Prompt, PriceTable.MostUsage(any).Tokens.Output));
    }

    private static NanoUsd Price(string model, RequestUsage usage, DateTimeOffset at)
        => PriceTable.Default.Price(Anthropic, model, usage, at).Cost;

    private static decimal Usd(JsonElement row, string bucket) => row.GetProperty(bucket).GetDecimal();

    private static IEnumerable<(string Bucket, TokenUsage Tokens)> Buckets(long count) =>
    [
        ("input", new(count, 0)),
        ("output", new(0, count)),
        ("cache_read", new(0, 0, CacheRead: count)),
        ("cache_write_5m", new(0, 0, CacheWrite5m: count)),
        ("cache_write_1h", new(0, 0, CacheWrite1h: count)),
    ];
}
