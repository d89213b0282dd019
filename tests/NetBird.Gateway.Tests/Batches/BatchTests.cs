using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using NetBird.Gateway.Authorization;
using NetBird.Gateway.Metering;
using NetBird.Policy;
using NetBird.Policy.Limits;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace NetBird.Gateway.Tests.Batches;

/// <summary>Batches from creation to results, against the upstream's ledger.</summary>
public sealed class BatchTests
{
    [Fact]
    public async Task Create_PolicyDoesNotSaySo_IsRefusedBeforeTheProvider()
    {
        await using var gateway = await TestGateway.StartAsync();

        var answer = await CreateAsync(gateway, "hi");

        Assert.Equal((400, "policy_blocked"), (answer.Status, answer.ErrorType));
        Assert.Contains("Batches are not offered", answer.Message, StringComparison.Ordinal);
        Assert.Empty(gateway.Upstream.Requests.All);
    }

    [Fact]
    public async Task Results_ReadTwice_AreMeteredOnceEachAtBatchPrice()
    {
        await using var gateway = await StartAsync();
        string[] texts =
        [
            "one", "two [[scenario:thinking]]", "three [[scenario:model:claude-haiku-4-5]]", "[[scenario:error:500]]", "[[scenario:batch:canceled]]",
            "[[scenario:batch:expired]]", "[[scenario:figures:in=10,out=20,read=30,w5=40,w1=50,search=2,geo=us]]", "[[scenario:big:70000]]",
        ];
        var id = await CreatedAsync(gateway, texts);

        var first = await GetAsync(gateway, $"/v1/messages/batches/{id}/results");
        var second = await GetAsync(gateway, $"/v1/messages/batches/{id}/results");

        Assert.Equal((200, 200), (first.Status, second.Status));
        Assert.Equal(first.Text, second.Text);
        Assert.Equal(texts.Length, first.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        var rows = await gateway.Journal.CountAsync(3 + 5);
        var results = rows.Where(row => row.Kind == RequestKind.BatchResult).ToList();
        var billed = gateway.Upstream.Ledger.Entries.Where(entry => entry.Kind == "batch").ToList();
        Assert.Equal(5, billed.Count);
        Assert.Equal(
            billed.Select(e => (e.Model, e.InputTokens, e.OutputTokens, e.CacheReadInputTokens, e.CacheCreation5mInputTokens, e.CacheCreation1hInputTokens, e.WebSearchRequests)),
            results.Select(r => (
                r.Model, r.Usage.Tokens.Input, r.Usage.Tokens.Output, r.Usage.Tokens.CacheRead, r.Usage.Tokens.CacheWrite5m,
                r.Usage.Tokens.CacheWrite1h, (long)r.Usage.WebSearchRequests)));
        Assert.All(results, row =>
        {
            Assert.Equal((Completeness.Complete, ServiceTier.Batch), (row.Completeness, row.Usage.Tier));
            Assert.Equal(("alice", "msg_"), (row.User!.Value.Value, row.ProviderRequestId![..4]));
            Assert.Equal(PriceTable.Default.Price(TestAccount.Anthropic, row.Model, row.Usage, row.Timestamp).Cost, row.Cost);
        });

        // Opus 5.5 at 4 and 20 dollars a million, halved: by hand.
        Assert.Equal(((results[0].Usage.Tokens.Input * 4_000) + (results[0].Usage.Tokens.Output * 20_000)) / 2, results[0].Cost.Value);

        // Charged with the first read, nothing with the second.
        var charged = gateway.Reservations.Held.Values.Where(held => held is { Cost.Value: > 0 }).ToList();
        Assert.Equal(results.Aggregate(NanoUsd.Zero, (sum, row) => sum + row.Cost), Assert.Single(charged)!.Value.Cost);
        Assert.Equal(results.Sum(row => row.Usage.Tokens.Total), charged[0]!.Value.Used.Tokens.Total);
        Assert.Empty(gateway.Journal.Open);
        Assert.Empty(gateway.Upstream.Requests.Violations);
    }

    /// <summary>What the provider bills beside a result is a row of its own, at half of its own model's price, and there once.</summary>
    [Fact]
    public async Task Results_WithAnAdvisor_MeterItsWordsAtBatchPrice()
    {
        await using var gateway = await StartAsync();
        var id = await CreatedAsync(gateway, "one [[scenario:advisor:claude-opus-4-8]]");

        await GetAsync(gateway, $"/v1/messages/batches/{id}/results");
        await GetAsync(gateway, $"/v1/messages/batches/{id}/results");

        // It is asked twice in each answer.
        var parts = (await gateway.Journal.CountAsync(6)).Where(row => row.IsPart).ToList();
        Assert.Equal(2, parts.Count);
        Assert.All(parts, part =>
        {
            Assert.Equal(("claude-opus-4-8", ServiceTier.Batch, RequestKind.BatchResult), (part.Model, part.Usage.Tier, part.Kind));
            var listed = PriceTable.Default.Price(TestAccount.Anthropic, "claude-opus-4-8", part.Usage with { Tier = ServiceTier.Standard }, part.Timestamp).Cost;
            Assert.InRange((2 * part.Cost.Value) - listed.Value, -1, 1);
        });
    }

    /// <summary>A policy that came meanwhile and stands before it does not take a batch over.</summary>
    [Fact]
    public async Task Results_AreChargedToWhatTheBatchWasCreatedUnder_WhateverPoliciesCameSince()
    {
        await using var gateway = await StartAsync();
        var id = await CreatedAsync(gateway, "one");
        gateway.Account.Earlier.Add(new(
            new("newer"), "Newer", true, [TestAccount.Engineering], [TestAccount.Anthropic], [], new(new(0, 1_000_000, TimeSpan.FromDays(1), false), null), AllowBatches: true));
        gateway.Account.Publish();

        var results = await GetAsync(gateway, $"/v1/messages/batches/{id}/results");

        Assert.Equal(200, results.Status);
        Assert.All(await gateway.Journal.CountAsync(3), row => Assert.Equal(TestAccount.Policy, row.Policy));
        Assert.Equal([TestAccount.Policy], gateway.Reservations.Asked.Last().Candidates.Select(candidate => candidate.Policy));
    }

    [Fact]
    public async Task Results_AskedForCompressedOrInPart_AreAskedForPlainAndWhole()
    {
        await using var gateway = await StartAsync();
        var id = await CreatedAsync(gateway, "one", "two");

        var answer = await GetAsync(gateway, $"/v1/messages/batches/{id}/results", change: request =>
        {
            request.Headers.TryAddWithoutValidation("accept-encoding", "gzip, br");
            request.Headers.TryAddWithoutValidation("range", "bytes=100-");
        });

        Assert.Equal(200, answer.Status);
        var sent = gateway.Upstream.Requests.All[^1];
        Assert.DoesNotContain(sent.Headers, header => header.Key.ToUpperInvariant() is "ACCEPT-ENCODING" or "RANGE");
        Assert.Equal(2, (await gateway.Journal.CountAsync(4)).Count(row => row.Kind == RequestKind.BatchResult));
    }

    [Theory]
    [InlineData("no-usage")]
    [InlineData("malformed-usage")]
    public async Task Results_WithoutUsage_AreEstimatedAndMarked(string scenario)
    {
        await using var gateway = await StartAsync();
        var id = await CreatedAsync(gateway, $"[[scenario:{scenario}]]");

        await GetAsync(gateway, $"/v1/messages/batches/{id}/results");

        var row = Assert.Single(await gateway.Journal.CountAsync(3), row => row.Kind == RequestKind.BatchResult);
        Assert.Equal(Completeness.Interrupted, row.Completeness);
        var billed = gateway.Upstream.Ledger.Entries.Single(entry => entry.Kind == "batch");
        Assert.InRange(row.Usage.Tokens.Output, billed.OutputTokens, billed.OutputTokens + 500);
        Assert.InRange(row.Usage.Tokens.Input, 1, 200);
        Assert.Contains(gateway.Log.Lines, line => line.StartsWith("Warning", StringComparison.Ordinal) && line.Contains("no usage", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("GET", "/v1/messages/batches/{0}")]
    [InlineData("GET", "/v1/messages/batches/{0}/results")]
    [InlineData("POST", "/v1/messages/batches/{0}/cancel")]
    [InlineData("DELETE", "/v1/messages/batches/{0}")]
    [InlineData("GET", "/v1/messages/batches")]
    public async Task AnotherPersonsBatch_IsNotThere(string method, string path)
    {
        await using var gateway = await StartAsync();
        var id = await CreatedAsync(gateway, "secret");
        var before = gateway.Upstream.Requests.All.Count;

        var answer = await SendAsync(gateway, new(method), string.Format(CultureInfo.InvariantCulture, path, id), from: TestAccount.Bob);
        var unknown = await SendAsync(gateway, new(method), string.Format(CultureInfo.InvariantCulture, path, "msgbatch_unheard_of"), from: TestAccount.Bob);

        Assert.Equal((400, "policy_blocked"), (answer.Status, answer.ErrorType));
        Assert.Equal(unknown.Message, answer.Message);
        Assert.Equal(before, gateway.Upstream.Requests.All.Count);
    }

    [Fact]
    public async Task OwnBatch_IsReadCancelledAndDeleted()
    {
        await using var gateway = await StartAsync();
        var id = await CreatedAsync(gateway, "one");

        foreach (var (method, path) in ((string, string)[])[("GET", ""), ("POST", "/cancel"), ("DELETE", "")])
        {
            var answer = await SendAsync(gateway, new(method), $"/v1/messages/batches/{id}{path}");
            Assert.Equal(200, answer.Status);
            Assert.Contains(id, answer.Text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Results_ThatCannotBeRecorded_AreNotPassedOn()
    {
        await using var gateway = await StartAsync();
        var id = await CreatedAsync(gateway, "one", "two");

        // Between the beginning, which would refuse, and the first result.
        gateway.Reservations.Answer = request =>
        {
            gateway.Journal.UnwritableOnce = true;
            return new ReserveOutcome.Granted(request.Candidates[0]);
        };
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => GetAsync(gateway, $"/v1/messages/batches/{id}/results"));
        gateway.Journal.UnwritableOnce = false;
        gateway.Reservations.Answer = request => new ReserveOutcome.Granted(request.Candidates[0]);
        var again = await GetAsync(gateway, $"/v1/messages/batches/{id}/results");

        Assert.Equal(200, again.Status);
        Assert.Equal(2, (await gateway.Journal.CountAsync(5)).Count(row => row.Kind == RequestKind.BatchResult));
    }

    [Fact]
    public async Task Register_UnusableAtCreation_StillBelongsToItsCreator()
    {
        await using var gateway = await StartAsync();
        gateway.Batches.Unusable = true;
        var id = await CreatedAsync(gateway, "one");

        Assert.Equal(200, (await GetAsync(gateway, $"/v1/messages/batches/{id}")).Status);
        Assert.Equal(503, (await GetAsync(gateway, "/v1/messages/batches/msgbatch_other")).Status);
        gateway.Batches.Unusable = false;
        Assert.Equal(200, (await GetAsync(gateway, $"/v1/messages/batches/{id}/results")).Status);
        Assert.Equal(id, Assert.Single(gateway.Batches.All).Id);
    }

    [Fact]
    public async Task Create_AsksForRoomForAllOfIt_AndHoldsNothingAfterwards()
    {
        await using var gateway = await StartAsync();
        ReservationRequest? asked = null;
        gateway.Reservations.Answer = request =>
        {
            asked = request;
            return new ReserveOutcome.Full(new(TestAccount.Dollars(1), 0, 0, null), 5, null);
        };

        var answer = await CreateAsync(gateway, "one", "two", "three");

        Assert.Equal((429, "billing_error"), (answer.Status, answer.ErrorType));
        Assert.Equal(3, asked!.Request.Batch!.Value.Length);
        Assert.All(asked.Request.Batch.Value, one => Assert.Equal(("claude-opus-5-5", 1000L), (one.Model, one.MaxOutputTokens!.Value)));
        gateway.Reservations.Answer = request => new ReserveOutcome.Granted(request.Candidates[0]);
        await CreatedAsync(gateway, "one");
        await gateway.Journal.CountAsync(2);
        Assert.Contains(gateway.Reservations.Held.Values, held => held is { Cost.Value: 0 });
    }

    [Theory]
    [InlineData("""[]""", "not a JSON object")]
    [InlineData("""{}""", "no requests")]
    [InlineData("""{"requests":[]}""", "no requests")]
    [InlineData("""{"requests":{}}""", "\"requests\"")]
    [InlineData("""{"requests":[1]}""", "not a JSON object")]
    [InlineData("""{"requests":[{"custom_id":"a"}]}""", "Request 1 of the batch has no")]
    [InlineData("""{"requests":[{"params":{"model":"m"}},{"params":{}}]}""", "Request 2 of the batch names no model")]
    [InlineData("""{"requests":[{"params":{"model":"m"},"params":{"model":"n"}}]}""", "twice")]
    [InlineData("""{"requests":[{"params":{"model":"m","model":"n"}}]}""", "Request 1 of the batch")]
    [InlineData("""{"requests":[{"params":{"model":"m"}}],"requests":[{"params":{"model":"n"}}]}""", "twice")]
    [InlineData("""{"requests":[{"params":{"model":"m"}}]}{}""", "without doubt")]
    [InlineData("""{"requests":[{"params":{"model":"m"}}""", "without doubt")]
    public async Task Create_BodyThatCouldBeReadInTwoWays_IsRefused(string body, string said)
    {
        await using var gateway = await StartAsync();

        var answer = await SendAsync(gateway, HttpMethod.Post, "/v1/messages/batches", body);

        Assert.Equal(400, answer.Status);
        Assert.Contains(said, answer.Message, StringComparison.Ordinal);
        Assert.Empty(gateway.Upstream.Requests.All);
    }

    /// <summary>The provider works on it all the same: whoever reads its results, if anybody, is to be charged for them.</summary>
    [Fact]
    public async Task Create_CallerLeavesMeanwhile_IsRegistered()
    {
        const string Made = """{"id":"msgbatch_late","type":"message_batch","processing_status":"in_progress"}""";
        var left = new TaskCompletionSource();
        using var upstream = new ScriptedUpstream(async (stream, _) =>
        {
            await left.Task;
            await Task.Delay(TimeSpan.FromSeconds(1)); // longer than is waited for other answers
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {Made.Length}\r\n\r\n{Made}"));
        });
        await using var gateway = await StartAsync(upstream.Url);

        using var client = gateway.Client();
        client.Timeout = TimeSpan.FromSeconds(1);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.SendAsync(new(HttpMethod.Post, "/v1/messages/batches")
        {
            Headers = { { "anthropic-version", "2023-06-01" } },
            Content = new StringContent(BatchOf("one"), Encoding.UTF8, "application/json"),
        }));
        left.SetResult();

        await gateway.Journal.SingleAsync();
        Assert.Equal("msgbatch_late", Assert.Single(gateway.Batches.All).Id);
    }

    private static async Task<TestGateway> StartAsync(Uri? upstream = null)
    {
        var gateway = await TestGateway.StartAsync(upstreamUrl: upstream);
        gateway.Account.AllowBatches = true;
        gateway.Account.Publish();
        return gateway;
    }

    private static Task<Answered> CreateAsync(TestGateway gateway, params string[] texts)
        => SendAsync(gateway, HttpMethod.Post, "/v1/messages/batches", BatchOf(texts));

    private static string BatchOf(params string[] texts) => JsonSerializer.Serialize(new
    {
        requests = texts.Select((text, i) => new
        {
            custom_id = $"req-{i}",
            @params = new { model = "claude-opus-5-5", max_tokens = text.Contains("big", StringComparison.Ordinal) ? 100_000 : 1000, messages = new[] { new { role = "user", content = text } } },
        }),
    });

    private static async Task<string> CreatedAsync(TestGateway gateway, params string[] texts)
    {
        var answer = await CreateAsync(gateway, texts);
        Assert.True(answer.Status == 200, answer.Text);
        return JsonDocument.Parse(answer.Body).RootElement.GetProperty("id").GetString()!;
    }

    private static Task<Answered> GetAsync(TestGateway gateway, string path, Action<HttpRequestMessage>? change = null)
        => SendAsync(gateway, HttpMethod.Get, path, change: change);

    private static async Task<Answered> SendAsync(
        TestGateway gateway, HttpMethod method, string path, string? body = null, IPAddress? from = null, Action<HttpRequestMessage>? change = null)
    {
        using var client = gateway.Client(from);
        using var request = new HttpRequestMessage(method, path)
        {
            Headers = { { "anthropic-version", "2023-06-01" }, { "x-api-key", "-" } },
            Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json"),
        };
        change?.Invoke(request);
        using var response = await client.SendAsync(request);
        return await Answered.ReadAsync(response);
    }
}
