using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Time.Testing;
using NetBird.Gateway.Admission;
using NetBird.Gateway.Metering;

namespace NetBird.Gateway.Tests.Forwarding;

public sealed class StreamTests
{
    [Theory]
    [InlineData("drip:2", "identity")]
    [InlineData("drip:2]][[scenario:gzip", "gzip")]
    [InlineData("drip:2]][[scenario:br", "br")]
    public async Task FirstEvent_OfASlowStream_ArrivesAtOnce(string scenario, string accepts)
    {
        await using var gateway = await TestGateway.StartAsync();
        using var client = gateway.Client();
        using var request = TestGateway.Message($"hi [[scenario:{scenario}]]");
        request.Headers.TryAddWithoutValidation("Accept-Encoding", accepts);
        var watch = Stopwatch.StartNew();

        using var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        await using var body = await answer.Content.ReadAsStreamAsync();
        var first = await body.ReadAsync(new byte[4096]);
        var firstAfter = watch.Elapsed;
        await body.CopyToAsync(Stream.Null);

        Assert.True(first > 0);
        Assert.True(firstAfter < TimeSpan.FromSeconds(1), $"first bytes after {firstAfter}");
        Assert.True(watch.Elapsed > TimeSpan.FromSeconds(1.8));
        Assert.Equal(Completeness.Complete, (await gateway.Journal.SingleAsync()).Completeness);
    }

    [Fact]
    public async Task Headers_ReachTheCaller_BeforeTheFirstEvent()
    {
        await using var gateway = await TestGateway.StartAsync();
        using var client = gateway.Client();
        using var request = TestGateway.Message("hi [[scenario:slow-first-event:2]]");
        var watch = Stopwatch.StartNew();

        using var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);

        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(1));
        Assert.Contains("message_stop", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task SilentStream_IsKeptAlive_ByPingsOfOurs_BetweenEventsOnly()
    {
        await using var gateway = await TestGateway.StartAsync(new() { SilenceBeforePing = TimeSpan.FromSeconds(1) });

        var answer = await gateway.AskAsync("hi [[scenario:silence:3]]");

        var text = answer.Text;
        Assert.Contains("event: ping\ndata: {\"type\": \"ping\"}\n\n", text, StringComparison.Ordinal);
        var without = text.Replace("event: ping\ndata: {\"type\": \"ping\"}\n\n", "", StringComparison.Ordinal);
        Assert.Equal(Encoding.UTF8.GetByteCount(without), (await gateway.Journal.SingleAsync()).ResponseBytes);
        Assert.All(without.Split("\n\n", StringSplitOptions.RemoveEmptyEntries), e => Assert.Matches("^event: .*\ndata: {.*}$", e));
        Assert.Equal(Completeness.Complete, (await gateway.Journal.SingleAsync()).Completeness);
    }

    [Fact]
    public async Task SilentCompressedStream_GetsNoBytesOfOurs()
    {
        await using var gateway = await TestGateway.StartAsync(new() { SilenceBeforePing = TimeSpan.FromMilliseconds(500) });

        var answer = await gateway.AskAsync(
            "hi [[scenario:silence:2]][[scenario:gzip]]", change: request => request.Headers.TryAddWithoutValidation("Accept-Encoding", "gzip"));

        await using var plain = new System.IO.Compression.GZipStream(
            new MemoryStream(answer.Body), System.IO.Compression.CompressionMode.Decompress);
        using var reader = new StreamReader(plain);
        Assert.EndsWith("data: {\"type\":\"message_stop\"}\n\n", await reader.ReadToEndAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task PersonWhoIsRemoved_LosesTheStream_WithinASecond_AndItEndsCleanly()
    {
        await using var gateway = await TestGateway.StartAsync();
        using var client = gateway.Client();
        using var bob = gateway.Client(TestAccount.Bob);
        using var answer = await client.SendAsync(TestGateway.Message("[[scenario:drip:30]]"), HttpCompletionOption.ResponseHeadersRead);
        using var bobs = await bob.SendAsync(TestGateway.Message("[[scenario:drip:2]]"), HttpCompletionOption.ResponseHeadersRead);
        var watch = Stopwatch.StartNew();

        gateway.Account.Peers[TestAccount.Alice] = TestAccount.Person("alice", TestAccount.Engineering, PeerStanding.UserDisabled);
        gateway.Account.Publish();
        var text = await answer.Content.ReadAsStringAsync();

        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(1), $"cut after {watch.Elapsed}");
        Assert.DoesNotContain("message_stop", text, StringComparison.Ordinal);
        Assert.Contains("message_stop", await bobs.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        var rows = await gateway.Journal.CountAsync(2);
        Assert.Equal(Completeness.Interrupted, rows[0].Completeness);
        Assert.Equal(Completeness.Complete, rows[1].Completeness);
        Assert.Equal("cut", (await LedgerAsync(gateway, 2)).Single(e => e.Outcome != "completed").Outcome);
    }

    [Theory]
    [InlineData("laptop-mallory")]
    [InlineData("laptop-alice")]
    public async Task AddressThatMovesToAnotherPerson_CutsTheFirstOnesStream(string machine)
    {
        await using var gateway = await TestGateway.StartAsync();
        using var client = gateway.Client();
        using var answer = await client.SendAsync(TestGateway.Message("[[scenario:drip:30]]"), HttpCompletionOption.ResponseHeadersRead);

        var mallory = TestAccount.Person("mallory", TestAccount.Engineering);
        gateway.Account.Peers[TestAccount.Alice] = mallory with { Caller = mallory.Caller with { Peer = new(machine) } };
        gateway.Account.Publish();

        Assert.DoesNotContain("message_stop", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal("alice", (await gateway.Journal.SingleAsync()).User?.Value);
    }

    [Fact]
    public async Task CallerWhoLeaves_CancelsTheProvider_AndIsMeteredAsFarAsItCame()
    {
        await using var gateway = await TestGateway.StartAsync();
        var client = gateway.Client();
        var answer = await client.SendAsync(
            TestGateway.Message("[[scenario:drip:20]][[scenario:events:100]]"), HttpCompletionOption.ResponseHeadersRead);
        await (await answer.Content.ReadAsStreamAsync()).ReadAtLeastAsync(new byte[2000], 2000);

        answer.Dispose();
        client.Dispose();

        var row = await gateway.Journal.SingleAsync();
        var billed = Assert.Single(await LedgerAsync(gateway, 1));
        Assert.Equal("cut", billed.Outcome);
        Assert.Equal(Completeness.Interrupted, row.Completeness);
        Assert.Equal(billed.InputTokens, row.Usage.Tokens.Input);
        Assert.InRange(row.Usage.Tokens.Output, billed.SentOutputTokens - billed.SentEvents, billed.SentOutputTokens + billed.SentEvents);
        Assert.Equal(row.Usage, gateway.Reservations.Held[row.Id]!.Value.Used);
    }

    [Fact]
    public async Task CallerWhoLeaves_BeforeTheAnswer_IsMetered()
    {
        await using var gateway = await TestGateway.StartAsync();
        using var client = gateway.Client();
        using var soon = new CancellationTokenSource(TimeSpan.FromMilliseconds(300));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => client.SendAsync(TestGateway.Message("[[scenario:slow-first-byte:20]]"), soon.Token));

        var row = await gateway.Journal.SingleAsync();
        Assert.Equal(0, row.StatusCode);
        Assert.Equal(Completeness.Interrupted, row.Completeness);
        Assert.True(row.Usage.Tokens.Input > 0);
        Assert.Equal("cut", Assert.Single(await LedgerAsync(gateway, 1)).Outcome);
    }

    /// <summary>An answer that was complete at the provider when the caller left is metered exactly, not estimated.</summary>
    [Fact]
    public async Task CallersWhoLeave_AtAnyMoment_AreMeteredExactly_OrWithinTheBound()
    {
        await using var gateway = await TestGateway.StartAsync();
        var random = new Random(7);
        const int Calls = 60;
        var delays = Enumerable.Range(0, Calls).Select(_ => random.Next(0, 60)).ToArray();

        await Parallel.ForAsync(0, Calls, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (i, _) =>
        {
            using var socket = await gateway.ConnectAsync(i % 2 == 0 ? TestAccount.Alice : TestAccount.Bob, CancellationToken.None);
            var body = TestGateway.Body($"{i} [[scenario:events:40]][[scenario:drip:0.03]]");
            await socket.SendAsync(Encoding.ASCII.GetBytes(
                $"POST /v1/messages HTTP/1.1\r\nHost: g\r\nanthropic-version: 1\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n{body}"));
            await Task.Delay(delays[i]);
            socket.Close(i % 3 == 0 ? 0 : -1);
        });

        // A connection that was reset before it was accepted never was a request; whatever reached the provider has its row.
        var all = await gateway.Journal.SettledAsync(Calls);
        Assert.InRange(all.Count, gateway.Upstream.Requests.All.Count, Calls);
        var rows = all.Where(row => row.ProviderRequestId is not null).ToDictionary(row => row.ProviderRequestId!);
        var ledger = await LedgerAsync(gateway, gateway.Upstream.Requests.All.Count);
        var exact = 0;
        foreach (var billed in ledger.Where(entry => rows.ContainsKey(entry.RequestId)))
        {
            var row = rows[billed.RequestId];
            if (row.Completeness == Completeness.Complete)
            {
                exact++;
                Assert.Equal((billed.InputTokens, billed.OutputTokens), (row.Usage.Tokens.Input, row.Usage.Tokens.Output));
            }
            else
            {
                Assert.InRange(row.Usage.Tokens.Input, 1, billed.InputTokens + 8);
                Assert.InRange(row.Usage.Tokens.Output, 1, billed.SentOutputTokens + billed.SentEvents + 1);
            }
        }

        Assert.True(exact > 0);
        Assert.Empty(gateway.Journal.Open);
    }

    [Fact]
    public async Task ManyStreamsAtOnce_EachGetsItsOwn()
    {
        await using var gateway = await TestGateway.StartAsync();

        var answers = await Task.WhenAll(Enumerable.Range(0, 120).Select(i => gateway.AskAsync(
            $"[[scenario:say:caller {i} here]][[scenario:drip:0.5]]", from: i % 2 == 0 ? TestAccount.Alice : TestAccount.Bob)));

        for (var i = 0; i < answers.Length; i++)
        {
            var said = string.Concat(System.Text.RegularExpressions.Regex.Matches(answers[i].Text, "\"text_delta\",\"text\":\"([^\"]*)\"").Select(m => m.Groups[1].Value));
            Assert.Equal($"caller {i} here", said);
        }

        var rows = await gateway.Journal.CountAsync(answers.Length);
        Assert.Equal(60, rows.Count(row => row.User?.Value == "alice"));
    }

    [Fact]
    public async Task Headers_NeverSayWhoCalls()
    {
        await using var gateway = await TestGateway.StartAsync();
        foreach (var (name, value) in ((string, string)[])
            [("X-Forwarded-For", "127.0.0.2"), ("Forwarded", "for=127.0.0.2"), ("X-Real-IP", "127.0.0.2"), ("X-Original-For", "127.0.0.2"), ("x-netbird-peer", "laptop-alice"),
             ("x-netbird-user", "alice"), ("x-netbird-request-id", "mine"), ("Authorization", "Bearer alice"), ("Cookie", "user=alice"), ("Host", "127.0.0.2"),
             ("X-Remote-User", "alice"), ("True-Client-IP", "127.0.0.2"), ("Via", "1.1 127.0.0.2")])
        {
            var answer = await gateway.AskAsync("hi", from: TestAccount.Nobody, change: request =>
            {
                request.Headers.Remove("Authorization");
                request.Headers.TryAddWithoutValidation(name, value);
            });
            Assert.Equal(400, answer.Status);
            Assert.Equal("policy_blocked", answer.ErrorType);
            Assert.NotEqual("mine", answer.Header("x-netbird-request-id"));
        }

        Assert.Empty(gateway.Upstream.Requests.All);
        Assert.All(gateway.Journal.Completed, row => Assert.Null(row.User));
    }

    private static async Task<IReadOnlyList<FakeAnthropic.LedgerEntry>> LedgerAsync(TestGateway gateway, int count)
    {
        for (var i = 0; i < 250 && gateway.Upstream.Ledger.Entries.Count < count; i++)
        {
            await Task.Delay(20);
        }

        return gateway.Upstream.Ledger.Entries;
    }
}
