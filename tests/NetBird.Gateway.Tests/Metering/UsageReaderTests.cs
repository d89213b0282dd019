using System.IO.Compression;
using System.Text;
using CsCheck;
using NetBird.Gateway.Metering;
using NetBird.Policy.Pricing;

namespace NetBird.Gateway.Tests.Metering;

public sealed class UsageReaderTests
{
    private const string Start = """{"type":"message_start","message":{"model":"claude-opus-5-5","usage":{"input_tokens":11,"cache_creation_input_tokens":99,"cache_read_input_tokens":33,"cache_creation":{"ephemeral_5m_input_tokens":44,"ephemeral_1h_input_tokens":55},"output_tokens":1,"service_tier":"priority","inference_geo":"us","speed":"fast"}}}""";
    private const string Delta = """{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":12,"output_tokens":22,"server_tool_use":{"web_search_requests":2}}}""";

    private static readonly string Stream = string.Join('\n',
        "event: message_start", "data: " + Start, "",
        "event: ping", "data: {\"type\": \"ping\"}", "", ": comment", "",
        "event: content_block_delta", """data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"He said: \"data: {\\\"type\\\":\\\"message_delta\\\"}\"\n\n"}}""", "",
        "event: content_block_delta", """data: {"delta":{"type":"text_delta","text":"\u00fcber \ud83d\ude00"},"type":"content_block_delta","index":0}""", "",
        "event: message_delta", "data: " + Delta, "",
        "event: message_stop", "data: {\"type\":\"message_stop\"}", "", "");

    private static readonly RequestUsage Expected = new(
        new(12, 22, 33, 44, 55), WebSearchRequests: 2, ServiceTier.Priority, Fast: true, InferenceInUs: true);

    public static TheoryData<string> Newlines => new("\n", "\r\n", "\r");

    [Theory]
    [MemberData(nameof(Newlines))]
    public async Task Stream_SplitAtEveryByte_ReadsTheSame(string newline)
    {
        var bytes = Encoding.UTF8.GetBytes(Stream.Replace("\n", newline, StringComparison.Ordinal));
        for (var split = 0; split <= bytes.Length; split++)
        {
            var result = await ReadAsync(new SseUsageReader(), bytes[..split], bytes[split..]);
            Assert.Equal(new(Expected, Completeness.Complete), result);
        }
    }

    /// <summary>Cumulative events that spell out what they do not tell: null takes nothing back.</summary>
    [Fact]
    public async Task Stream_LaterFiguresThatAreNull_LeaveWhatWasTold()
    {
        var nulls = Delta.Replace(
            "\"output_tokens\":22",
            "\"output_tokens\":22,\"service_tier\":null,\"speed\":null,\"inference_geo\":null,\"cache_creation\":null,\"cache_read_input_tokens\":null,\"cache_creation_input_tokens\":null",
            StringComparison.Ordinal);

        var result = await ReadAsync(new SseUsageReader(), Encoding.UTF8.GetBytes(Stream.Replace(Delta, nulls, StringComparison.Ordinal)));

        Assert.NotEqual(Delta, nulls);
        Assert.Equal(new(Expected, Completeness.Complete), result);
    }

    [Fact]
    public async Task PlainAnswer_ToolsThatTheProviderRan_AreCounted()
    {
        var (usage, completeness, _) = await ReadAsync(
            new JsonUsageReader(),
            """{"usage":{"input_tokens":1,"output_tokens":2,"server_tool_use":{"web_fetch_requests":9,"code_execution_requests":3,"web_search_requests":4}}}"""u8.ToArray());

        Assert.Equal((new RequestUsage(new(1, 2), WebSearchRequests: 4, CodeExecutionRequests: 3), Completeness.Complete), (usage, completeness));
    }

    private const string Iterations = """[{"type":"compaction","input_tokens":180000,"output_tokens":3500,"cache_creation":null},{"type":"message","input_tokens":12,"output_tokens":22},{"model":"claude-opus-4-8","type":"advisor_message","input_tokens":823,"cache_read_input_tokens":7,"output_tokens":1612,"cache_creation":{"ephemeral_1h_input_tokens":9}}]""";

    /// <summary>A compaction and the words of an advisor are in no figure but <c>usage.iterations</c>, and are billed.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task WhatTheProviderRanBeside_IsRead(bool stream)
    {
        var (usage, completeness, parts) = stream
            ? await ReadAsync(new SseUsageReader(), Encoding.UTF8.GetBytes(Stream.Replace("\"output_tokens\":22", "\"output_tokens\":22,\"iterations\":" + Iterations, StringComparison.Ordinal)))
            : await ReadAsync(new JsonUsageReader(), Encoding.UTF8.GetBytes("""{"model":"m","usage":{"input_tokens":12,"iterations":""" + Iterations + ""","output_tokens":22}}"""));

        Assert.Equal(stream ? Expected : new(new(12, 22)), usage);
        Assert.Equal(Completeness.Complete, completeness);
        Assert.Equal<PartUsage[]>(
            [new(null, new(new(180_000, 3_500))), new("claude-opus-4-8", new(new(823, 1_612, 7, 0, 9)))],
            [.. parts]);
    }

    [Theory]
    [InlineData("null", Completeness.Complete)]
    [InlineData("[]", Completeness.Complete)]
    [InlineData("[{\"type\":\"message\",\"input_tokens\":1,\"output_tokens\":2,\"iterations\":null}]", Completeness.Complete)]
    [InlineData("7", Completeness.Interrupted)]
    [InlineData("[7]", Completeness.Interrupted)]
    [InlineData("[{\"type\":\"advisor_message\",\"input_tokens\":-1}]", Completeness.Interrupted)]
    public async Task Iterations_OfAnyForm_AreNothingMore_OrMarked(string iterations, Completeness expected)
    {
        var (usage, completeness, parts) = await ReadAsync(
            new JsonUsageReader(), Encoding.UTF8.GetBytes("""{"usage":{"input_tokens":1,"output_tokens":2,"iterations":""" + iterations + "}}"));

        Assert.Equal((1L, expected), (usage.Tokens.Input, completeness));
        Assert.True(parts.IsDefaultOrEmpty);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ModelThatTheProviderFellBackTo_IsTheOneThatAnswered(bool stream)
    {
        const string FellBack = """[{"type":"message","input_tokens":1},{"type":"fallback_message","model":"claude-opus-4-8","input_tokens":12,"output_tokens":22}]""";
        UsageMeter reader = stream ? new SseUsageReader() : new JsonUsageReader();

        await ReadAsync(reader, Encoding.UTF8.GetBytes(stream
            ? Stream.Replace("\"output_tokens\":22", "\"output_tokens\":22,\"iterations\":" + FellBack, StringComparison.Ordinal)
            : """{"usage":{"input_tokens":12,"output_tokens":22,"iterations":""" + FellBack + "},\"model\":\"claude-fable-5\"}"));

        Assert.Equal("claude-opus-4-8", reader.Model);
    }

    [Fact]
    public async Task Stream_FedByteByByte_ReadsTheSame()
    {
        var result = await ReadAsync(new SseUsageReader(), [.. Encoding.UTF8.GetBytes(Stream).Select(b => new[] { b })]);

        Assert.Equal(new(Expected, Completeness.Complete), result);
    }

    [Fact]
    public async Task Stream_SplitAnywhere_ManyTimes_ReadsTheSame_AlsoCompressed()
    {
        var plain = Encoding.UTF8.GetBytes(Stream);
        foreach (var coding in (string[])["identity", "gzip", "deflate", "br", "zstd"])
        {
            var packed = Pack(plain, coding);
            await Gen.Int[0, packed.Length].List[0, 12].SampleAsync(
                async cuts =>
                {
                    var parts = Parts(packed, cuts);
                    var result = await ReadAsync(DecodingMeter.For(coding, new SseUsageReader()), parts);
                    Assert.Equal(new(Expected, Completeness.Complete), result);
                },
                iter: Fuzzing.Iterations(100), threads: 1);
        }
    }

    /// <summary>What is known of a stream grows with it: a cut never tells more than the whole, and figures are never half of one.</summary>
    [Fact]
    public async Task Stream_CutAtEveryByte_IsIncomplete_AndItsFiguresAreTheProvidersOrTheEstimate()
    {
        var bytes = Encoding.UTF8.GetBytes(Stream);
        var end = Stream.IndexOf(Delta, StringComparison.Ordinal) + Delta.Length;
        for (var length = 0; length < bytes.Length; length++)
        {
            var (usage, completeness, _) = await ReadAsync(new SseUsageReader(), bytes[..length]);
            Assert.Equal(length > end + 20 ? Completeness.Complete : completeness, completeness);
            Assert.Contains(usage.Tokens.Input, (long[])[11, 12, 250]);
            Assert.InRange(usage.Tokens.Output, 1, 22);
            Assert.Contains(usage.Tokens.CacheWrite1h, (long[])[0, 55]);
        }
    }

    [Theory]
    [InlineData("""{"input_tokens":1,"output_tokens":2}""", 1, 2, 0, 0, 0)]
    [InlineData("""{"input_tokens":1,"output_tokens":2,"cache_creation_input_tokens":10}""", 1, 2, 0, 10, 0)]
    [InlineData("""{"input_tokens":1,"output_tokens":2,"cache_creation_input_tokens":10,"cache_creation":null}""", 1, 2, 0, 10, 0)]
    [InlineData("""{"input_tokens":1,"output_tokens":2,"cache_creation_input_tokens":10,"cache_creation":{"ephemeral_1h_input_tokens":4}}""", 1, 2, 0, 6, 4)]
    [InlineData("""{"input_tokens":1,"output_tokens":2,"cache_creation":{"ephemeral_1h_input_tokens":4,"ephemeral_5m_input_tokens":3,"ephemeral_9d_input_tokens":7}}""", 1, 2, 0, 3, 4)]
    [InlineData("""{"input_tokens":1,"output_tokens":2,"cache_read_input_tokens":null,"server_tool_use":null,"service_tier":null,"speed":null,"future":{"input_tokens":7}}""", 1, 2, 0, 0, 0)]
    [InlineData("""{"input\u005ftokens":1,"output_tokens":2,"output_tokens":3}""", 1, 3, 0, 0, 0)]
    public async Task PlainAnswer_EveryForm_IsRead(string usage, long input, long output, long read, long write5m, long write1h)
    {
        var json = $$"""{"id":"m","content":[{"type":"text","text":"}\"usage\":{\"input_tokens\":5}\\"}],"model":"claude-x","usage":{{usage}} , "z":[{"usage":{"input_tokens":9} }]}""";
        var bytes = Encoding.UTF8.GetBytes(json);
        for (var split = 0; split <= bytes.Length; split++)
        {
            var reader = new JsonUsageReader();
            var result = await ReadAsync(reader, bytes[..split], bytes[split..]);
            Assert.Equal(new(new(new(input, output, read, write5m, write1h)), Completeness.Complete), result);
            Assert.Equal("claude-x", reader.Model);
        }
    }

    [Theory]
    [InlineData("""{"input_tokens":-1,"output_tokens":2}""")]
    [InlineData("""{"input_tokens":1.5,"output_tokens":2}""")]
    [InlineData("""{"input_tokens":"1","output_tokens":2}""")]
    [InlineData("""{"input_tokens":99999999999999999999,"output_tokens":2}""")]
    [InlineData("""{"input_tokens":9999999999999,"output_tokens":2}""")]
    [InlineData("""{"input_tokens":[1],"output_tokens":2}""")]
    [InlineData("""{"input_tokens":1}""")]
    [InlineData("""{"output_tokens":2}""")]
    [InlineData("""{"input_tokens":1,"output_tokens":2,"cache_creation":7}""")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("7")]
    [InlineData("{}")]
    public async Task Usage_ThatCannotBeBelieved_IsEstimated_NeverZero(string usage)
    {
        var (read, completeness, _) = await ReadAsync(
            new JsonUsageReader(), Encoding.UTF8.GetBytes("{\"content\":[],\"usage\":" + usage + "}"));

        Assert.Equal(Completeness.Interrupted, completeness);
        Assert.True(read.Tokens.Input > 0);
        Assert.True(read.Tokens.Output > 0);
    }

    [Fact]
    public async Task UnknownCoding_IsEstimatedFromItsSize()
    {
        var result = await ReadAsync(DecodingMeter.For("gzip, br", new SseUsageReader()), new byte[4000]);

        Assert.Equal(new(new(new(250, 1000)), Completeness.Interrupted), result);
    }

    [Fact]
    public async Task EndlessLine_IsMeasured_NotKept()
    {
        var reader = new SseUsageReader();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            reader.Feed(new byte[64 * 1024].AsSpan());
        }

        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 80_000_000);
        var (usage, completeness, _) = await ReadAsync(reader);
        Assert.Equal(Completeness.Interrupted, completeness);
        Assert.True(usage.Tokens.Output > 1);
    }

    [Fact]
    public async Task Garbage_NeverThrows()
    {
        var pieces = Fuzzing.OneOf(
            "data: ", "{\"type\":\"message_start\"", "\"message\":{", "\"usage\":", "{\"input_tokens\":", "1", "-", "\"", "\\", "}", "]", "[", ",", "\n", "\r", "\n\n",
            "{\"type\":\"content_block_delta\"", "_delta\",\"", "\":\"", "\"}}", "\ud83d", "null", "event:", ":", " ", Start, Delta, "\u0000", "\ufeff");
        await pieces.List[0, 40].SampleAsync(
            async parts =>
            {
                var bytes = Encoding.UTF8.GetBytes(string.Concat(parts));
                foreach (var meter in (UsageMeter[])
                    [new SseUsageReader(), new JsonUsageReader(), DecodingMeter.For("gzip", new SseUsageReader()),
                     DecodingMeter.For("br", new SseUsageReader()), DecodingMeter.For("zstd", new JsonUsageReader())])
                {
                    var (usage, _, _) = await ReadAsync(meter, bytes[..(bytes.Length / 2)], bytes[(bytes.Length / 2)..]);
                    Assert.True(usage.Tokens.Total >= 0);
                }
            },
            iter: Fuzzing.Iterations(2_000), threads: 1);
    }

    [Fact]
    public async Task DamagedCompression_NeverThrows()
    {
        var plain = Encoding.UTF8.GetBytes(Stream);
        foreach (var coding in (string[])["gzip", "deflate", "br", "zstd"])
        {
            var packed = Pack(plain, coding);
            await Gen.Select(Gen.Int[0, packed.Length - 1], Gen.Byte, Gen.Int[0, packed.Length]).SampleAsync(
                async change =>
                {
                    var (at, value, split) = change;
                    var bytes = (byte[])packed.Clone();
                    bytes[at] = value;
                    var (usage, _, _) = await ReadAsync(DecodingMeter.For(coding, new SseUsageReader()), bytes[..split], bytes[split..]);
                    Assert.True(usage.Tokens.Total > 0);
                },
                iter: Fuzzing.Iterations(300), threads: 1);
        }
    }

    private static async Task<MeteredUsage> ReadAsync(UsageMeter meter, params byte[][] parts)
    {
        foreach (var part in parts)
        {
            meter.Feed(part);
        }

        await meter.FinishAsync();
        return meter.Result(UsageEstimate.Of(1000));
    }

    private static byte[][] Parts(byte[] bytes, List<int> cuts)
    {
        var edges = cuts.Append(0).Append(bytes.Length).Order().ToList();
        return [.. edges.Zip(edges.Skip(1), (from, to) => bytes[from..to])];
    }

    private static byte[] Pack(byte[] plain, string coding)
    {
        using var packed = new MemoryStream();
        using (Stream packer = coding switch
        {
            "gzip" => new GZipStream(packed, CompressionLevel.Optimal, leaveOpen: true),
            "deflate" => new ZLibStream(packed, CompressionLevel.Optimal, leaveOpen: true),
            "br" => new BrotliStream(packed, CompressionLevel.Optimal, leaveOpen: true),
            "zstd" => new ZstdSharp.CompressionStream(packed, leaveOpen: true),
            _ => new BufferedStream(packed),
        })
        {
            packer.Write(plain);
            packer.Flush();
            if (coding == "identity")
            {
                return packed.ToArray();
            }
        }

        return packed.ToArray();
    }
}
