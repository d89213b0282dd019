using System.Net;
using System.Net.Sockets;
using System.Text;
using NetBird.Gateway.Metering;
using NetBird.Policy;

namespace NetBird.Gateway.Tests.Metering;

/// <summary>Providers that cannot be reached, answer in odd forms, or in pieces at odd moments: what is charged then.</summary>
public sealed class OddUpstreamTests
{
    private const string Answer = """{"model":"claude-opus-5-5","content":[],"usage":{"input_tokens":11,"output_tokens":22}}""";

    /// <summary>A host that takes no more connections and says nothing, as one behind a firewall that drops packets.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ProviderThatCannotBeConnectedTo_IsNothingAnybodyIsChargedFor(bool callerLeaves)
    {
        using var deaf = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        deaf.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        deaf.Listen(0);
        var fillers = Enumerable.Range(0, 8).Select(_ => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp)).ToList();
        fillers.ForEach(filler => _ = filler.ConnectAsync(deaf.LocalEndPoint!));
        await Task.Delay(300);
        await using var gateway = await TestGateway.StartAsync(
            new() { ConnectTimeout = TimeSpan.FromSeconds(callerLeaves ? 30 : 0.5) }, upstreamUrl: new($"http://{deaf.LocalEndPoint}"));

        if (callerLeaves)
        {
            using var client = gateway.Client();
            client.Timeout = TimeSpan.FromMilliseconds(500);
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.SendAsync(TestGateway.Message("hi")));
        }
        else
        {
            var answer = await gateway.AskAsync("hi");
            Assert.Equal(502, answer.Status);
            Assert.Contains("cannot be reached", answer.Message, StringComparison.Ordinal);
        }

        var row = await gateway.Journal.SingleAsync();
        Assert.Equal((0L, 0L, Completeness.Complete), (row.Usage.Tokens.Total, row.Cost.Value, row.Completeness));
        Assert.Equal(default, gateway.Reservations.Held[row.Id]!.Value.Used);
        fillers.ForEach(filler => filler.Dispose());
    }

    /// <summary>A key that is limited costs nothing, nor does the attempt with the next that never goes out.</summary>
    [Fact]
    public async Task SecondKey_WhoseAttemptIsNeverSent_IsNothingAnybodyIsChargedFor()
    {
        ScriptedUpstream? upstream = null;
        upstream = new(async (stream, _) =>
        {
            upstream!.Dispose();
            await stream.WriteAsync("HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"u8.ToArray());
        });
        await using var gateway = await TestGateway.StartAsync(keys: new("sk-ant-one", "sk-ant-two"), upstreamUrl: upstream.Url);

        var answer = await gateway.AskAsync("hi");

        Assert.Equal(502, answer.Status);
        Assert.Contains("cannot be reached", answer.Message, StringComparison.Ordinal);
        var row = await gateway.Journal.SingleAsync();
        Assert.Equal((0L, Completeness.Complete), (row.Usage.Tokens.Total, row.Completeness));
    }

    /// <summary>No header may hold a control character; the answer beside it is paid for.</summary>
    [Fact]
    public async Task AnswerWithAHeaderThatNoneMayBe_IsPassedOnWithoutIt_AndMetered()
    {
        using var upstream = new ScriptedUpstream(async (stream, _) => await stream.WriteAsync(Encoding.Latin1.GetBytes(
            $"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-odd: a\u0001b\r\nx-even: c\r\nContent-Length: {Answer.Length}\r\n\r\n{Answer}")));
        await using var gateway = await TestGateway.StartAsync(upstreamUrl: upstream.Url);

        var answer = await gateway.AskAsync("hi", stream: false);

        Assert.Equal((200, Answer, "c", null), (answer.Status, answer.Text, answer.Header("x-even"), answer.Header("x-odd")));
        var row = await gateway.Journal.SingleAsync();
        Assert.Equal((11L, 22L, Completeness.Complete), (row.Usage.Tokens.Input, row.Usage.Tokens.Output, row.Completeness));
    }

    /// <summary>A caller who asks for a coding that nobody here reads would have an answer that nobody here counts; nor is a part of one had.</summary>
    [Theory]
    [InlineData("gzip, deflate, br, zstd", "gzip, deflate, br, zstd")]
    [InlineData("gzip;q=0.5,*;q=0", "gzip;q=0.5,*;q=0")]
    [InlineData("dcz, gzip;q=0.5, *", "gzip;q=0.5")]
    [InlineData("compress", "identity")]
    public async Task CodingsThatAreNotRead_AreNotAskedFor(string asked, string sent)
    {
        await using var gateway = await TestGateway.StartAsync();

        await gateway.AskAsync("hi", change: request =>
        {
            request.Headers.TryAddWithoutValidation("accept-encoding", asked);
            request.Headers.TryAddWithoutValidation("range", "bytes=0-1");
        });

        var request = Assert.Single(gateway.Upstream.Requests.All);
        Assert.Equal([sent], request.HeaderValues("accept-encoding"));
        Assert.Empty(request.HeaderValues("range"));
    }

    /// <summary>Figures may come several times; those before the end are not the last, and an answer that is cut there is not whole.</summary>
    [Theory]
    [InlineData("null", false, Completeness.Interrupted)]
    [InlineData("null", true, Completeness.Complete)]
    [InlineData("\"end_turn\"", false, Completeness.Complete)]
    public async Task Stream_WithFiguresBeforeItsEnd_IsWholeWhenItSaysWhyItEnds(string reason, bool stops, Completeness expected)
    {
        var events = """
            data: {"type":"message_start","message":{"model":"claude-opus-5-5","usage":{"input_tokens":11,"output_tokens":1}}}

            data: {"type":"message_delta","delta":{"stop_reason":REASON},"usage":{"output_tokens":22}}


            """.ReplaceLineEndings("\n").Replace("REASON", reason, StringComparison.Ordinal) + (stops ? "data: {\"type\":\"message_stop\"}\n\n" : "");
        using var upstream = new ScriptedUpstream(async (stream, _) => await stream.WriteAsync(
            Encoding.UTF8.GetBytes($"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n{events}")));
        await using var gateway = await TestGateway.StartAsync(upstreamUrl: upstream.Url);

        await gateway.AskAsync("hi");

        var row = await gateway.Journal.SingleAsync();
        Assert.Equal((11L, 22L, expected), (row.Usage.Tokens.Input, row.Usage.Tokens.Output, row.Completeness));
    }

    /// <summary>Figures that grow and then shrink, a second beginning, a beginning behind the end: the larger figures are charged, and said to be no last word.</summary>
    [Theory]
    [InlineData("start:11,1 delta:500 delta:5", 11, 500, Completeness.Interrupted)]
    [InlineData("delta:500 start:11,1", 11, 500, Completeness.Interrupted)]
    [InlineData("start:11,1 start:7,3 delta:22", 11, 22, Completeness.Interrupted)]
    [InlineData("start:7,3 delta:22 start:11,1", 11, 22, Completeness.Interrupted)]
    [InlineData("start:11,9 delta:5", 11, 5, Completeness.Complete)]
    [InlineData("start:11,1 delta:5 delta:5 delta:22", 11, 22, Completeness.Complete)]
    public async Task Stream_ThatTakesItsFiguresBack_IsChargedWithTheLarger(string script, long input, long output, Completeness expected)
    {
        var events = string.Concat(script.Split(' ').Select(step => step.Split(':') switch
        {
            ["start", var figures] => """data: {"type":"message_start","message":{"model":"claude-opus-5-5","usage":{"input_tokens":IN,"output_tokens":OUT}}}"""
                .Replace("IN", figures.Split(',')[0], StringComparison.Ordinal).Replace("OUT", figures.Split(',')[1], StringComparison.Ordinal),
            [_, var figure] => """data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":OUT}}""".Replace("OUT", figure, StringComparison.Ordinal),
            _ => "",
        } + "\n\n")) + "data: {\"type\":\"message_stop\"}\n\n";
        using var upstream = new ScriptedUpstream(async (stream, _) => await stream.WriteAsync(
            Encoding.UTF8.GetBytes($"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n{events}")));
        await using var gateway = await TestGateway.StartAsync(upstreamUrl: upstream.Url);

        await gateway.AskAsync("hi");

        var row = await gateway.Journal.SingleAsync();
        Assert.Equal((input, output, expected), (row.Usage.Tokens.Input, row.Usage.Tokens.Output, row.Completeness));
    }

    /// <summary>A line of results that has no end is no result: it is not held for ever.</summary>
    [Fact]
    public async Task ResultOfABatch_WithoutAnEnd_IsGivenUp()
    {
        long sent = 0;
        using var upstream = new ScriptedUpstream(async (stream, head) =>
        {
            if (head.StartsWith("POST", StringComparison.Ordinal))
            {
                await stream.WriteAsync("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"id\":\"b-1\"}"u8.ToArray());
                return;
            }

            await stream.WriteAsync("HTTP/1.1 200 OK\r\nContent-Type: application/x-jsonl\r\nConnection: close\r\n\r\n"u8.ToArray());
            try
            {
                for (; sent < 200 << 20; sent += 1 << 20)
                {
                    await stream.WriteAsync(new byte[1 << 20]);
                }
            }
            catch (IOException)
            {
                // The gateway hung up.
            }
        });
        await using var gateway = await TestGateway.StartAsync(upstreamUrl: upstream.Url);
        gateway.Account.AllowBatches = true;
        gateway.Account.Publish();
        using var client = gateway.Client();
        using var created = await client.PostAsync("/v1/messages/batches", new StringContent(
            """{"requests":[{"custom_id":"a","params":{"model":"claude-opus-5-5","max_tokens":9,"messages":[]}}]}""", Encoding.UTF8, "application/json"));

        Assert.Empty(await client.GetByteArrayAsync("/v1/messages/batches/b-1/results"));

        Assert.InRange(sent, 16 << 20, 64 << 20);
        await gateway.Journal.CountAsync(2);
    }

    /// <summary>Whoever reads results can leave at any byte: none of a line reaches him before the line is counted.</summary>
    [Fact]
    public async Task ResultOfABatch_ReachesItsReader_OnceItIsCounted()
    {
        const string Line = """{"custom_id":"a","result":{"type":"succeeded","message":{"model":"claude-opus-5-5","content":[{"type":"text","text":"all of it"}],"usage":{"input_tokens":11,"output_tokens":22}}}}""";
        var rest = new TaskCompletionSource();
        using var upstream = new ScriptedUpstream(async (stream, head) =>
        {
            if (head.StartsWith("POST", StringComparison.Ordinal))
            {
                await stream.WriteAsync("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"id\":\"b-1\"}"u8.ToArray());
                return;
            }

            await stream.WriteAsync(Encoding.UTF8.GetBytes($"HTTP/1.1 200 OK\r\nContent-Type: application/x-jsonl\r\nContent-Length: {Line.Length + 1}\r\n\r\n{Line[..^2]}"));
            await rest.Task;
            await stream.WriteAsync(Encoding.UTF8.GetBytes(Line[^2..] + "\n"));
        });
        await using var gateway = await TestGateway.StartAsync(upstreamUrl: upstream.Url);
        gateway.Account.AllowBatches = true;
        gateway.Account.Publish();
        using var client = gateway.Client();
        using var created = await client.PostAsync("/v1/messages/batches", new StringContent(
            """{"requests":[{"custom_id":"a","params":{"model":"claude-opus-5-5","max_tokens":9,"messages":[]}}]}""", Encoding.UTF8, "application/json"));
        Assert.Equal(HttpStatusCode.OK, created.StatusCode);

        var buffer = new byte[4096];
        var first = Task.Run(async () =>
        {
            await using var results = await client.GetStreamAsync("/v1/messages/batches/b-1/results");
            return await results.ReadAsync(buffer);
        });
        await Task.WhenAny(first, Task.Delay(500));
        Assert.False(first.IsCompleted, "a part of a line was passed on before it was counted");
        rest.SetResult();

        Assert.True(await first > 0);
        Assert.Contains(gateway.Journal.Completed, row => row.Kind is RequestKind.BatchResult && row.Usage.Tokens is { Input: 11, Output: 22 });
    }
}
