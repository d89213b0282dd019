using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace FakeAnthropic;

/// <summary>
/// Usage of one answer, a pure function of the request and the seed. The prompt is never more tokens than the body has bytes, as
/// with a real tokenizer; only a web search adds to it.
/// </summary>
internal sealed record Figures(
    long Input, long Output, long CacheRead, long Write5m, long Write1h, long Searches, string Tier, string Geo, string Speed)
{
    /// <summary>What was run beside the answer, in no other figure: type, model where it has one of its own, input, cache reads, output.</summary>
    public IReadOnlyList<(string Type, string? Model, long Input, long CacheRead, long Output)> Beside { get; init; } = [];

    /// <summary>The model that the request fell back to, known at the end.</summary>
    public string? FellBackTo { get; init; }

    public static Figures Of(MessageRequest request, int seed, long outputTokens)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{seed}/{request.Model}/{request.MessageCount}/{request.UserText}"));
        long total = Math.Max(8, (request.BodyBytes / 4) + (hash[0] % 8));
        long read = 0, write5m = 0, write1h = 0;
        if (request.Cached)
        {
            read = total * (30 + (hash[1] % 30)) / 100;
            write5m = total * (10 + (hash[2] % 10)) / 100;
            write1h = request.CachedOneHour ? total * (5 + (hash[3] % 10)) / 100 : 0;
        }

        var scenario = request.Scenario;
        long Asked(string field, long otherwise)
            => scenario.Field("figures", field) is { } text ? long.Parse(text, CultureInfo.InvariantCulture) : otherwise;

        return new(
            Asked("in", total - read - write5m - write1h),
            Asked("out", outputTokens),
            Asked("read", read),
            Asked("w5", write5m),
            Asked("w1", write1h),
            Asked("search", scenario.Has("search") ? 1 + (hash[4] % 3) : 0),
            scenario.Field("figures", "tier") ?? "standard",
            scenario.Field("figures", "geo") ?? "not_available",
            scenario.Field("figures", "speed") ?? (request.Fast ? "fast" : "standard"))
        {
            Beside =
            [
                .. scenario.Text("advisor", "claude-opus-4-8") is { } advisor
                    ? new[] { ("advisor_message", (string?)advisor, total + 823, 0L, 1_612L), ("advisor_message", advisor, 90, total, 400) } : [],
                .. scenario.Has("compaction") ? new[] { ("compaction", (string?)null, total + 90_000, 70_000L, 3_500L) } : [],
            ],
            FellBackTo = scenario.Text("fallback", "claude-opus-4-8"),
        };
    }

    private void AddIterations(JsonObject usage)
    {
        if (Beside.Count == 0 && FellBackTo is null)
        {
            return;
        }

        var own = new JsonObject { ["type"] = FellBackTo is null ? "message" : "fallback_message", ["input_tokens"] = Input, ["output_tokens"] = Output, ["cache_read_input_tokens"] = CacheRead, ["cache_creation_input_tokens"] = Write5m + Write1h };
        if (FellBackTo is not null)
        {
            own["model"] = FellBackTo;
        }

        var all = new JsonArray(own);
        foreach (var (type, model, input, read, output) in Beside)
        {
            var one = new JsonObject { ["type"] = type, ["input_tokens"] = input, ["output_tokens"] = output, ["cache_read_input_tokens"] = read, ["cache_creation_input_tokens"] = 0, ["cache_creation"] = null };
            if (model is not null)
            {
                one["model"] = model;
            }

            all.Add((JsonNode)one);
        }

        usage["iterations"] = all;
    }

    /// <summary>As <c>message_start</c> and plain answers carry it.</summary>
    public JsonObject Full(long output)
    {
        var usage = new JsonObject
        {
            ["input_tokens"] = Input,
            ["cache_creation_input_tokens"] = Write5m + Write1h,
            ["cache_read_input_tokens"] = CacheRead,
            ["cache_creation"] = new JsonObject { ["ephemeral_5m_input_tokens"] = Write5m, ["ephemeral_1h_input_tokens"] = Write1h },
            ["output_tokens"] = output,
            ["server_tool_use"] = Searches == 0 ? null : new JsonObject { ["web_search_requests"] = Searches, ["web_fetch_requests"] = 0 },
            ["service_tier"] = Tier,
            ["inference_geo"] = Geo,
            ["speed"] = Speed,
        };
        AddIterations(usage);
        return usage;
    }

    /// <summary>As <c>message_delta</c> carries it: cumulative, without the split of cache writes, tier, place and speed.</summary>
    public JsonObject Cumulative()
    {
        var usage = new JsonObject
        {
            ["input_tokens"] = Input,
            ["cache_creation_input_tokens"] = Write5m + Write1h,
            ["cache_read_input_tokens"] = CacheRead,
            ["output_tokens"] = Output,
        };
        if (Searches > 0)
        {
            usage["server_tool_use"] = new JsonObject { ["web_search_requests"] = Searches, ["web_fetch_requests"] = 0 };
        }

        AddIterations(usage);
        return usage;
    }

    /// <summary>Before the model's searches have run: they bring more input, which only the end knows.</summary>
    public Figures AtStart() => this with { Searches = 0, Input = Searches == 0 ? Input : Math.Max(1, Input / 2), Beside = [], FellBackTo = null };

    public static JsonObject Malformed() => new()
    {
        ["input_tokens"] = "many",
        ["output_tokens"] = -5,
        ["cache_creation_input_tokens"] = 1e300,
        ["cache_read_input_tokens"] = new JsonArray(1, 2),
        ["cache_creation"] = "none",
    };
}
