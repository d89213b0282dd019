using System.Net;
using System.Text.Json;
using FakeAnthropic;

namespace EndToEnd.Tests;

/// <summary>Our meter against the upstream's own ledger, to the token and the nano-dollar.</summary>
public sealed class MeterTests : IAsyncLifetime
{
    private const string Configuration = """
        groups:
          - name: Engineering
          - name: Research
        policies:
          - name: Engineering may use Claude Code
            enabled: true
            source_groups: [Engineering]
            destination_provider_ids: [Anthropic]
          - name: Research may use Claude Code
            enabled: true
            source_groups: [Research]
            destination_provider_ids: [Anthropic]
            allow_batches: true
        """;

    // Nano-dollars a token, by hand from the list prices of 24 November 2026: input, write 5 min, write 1 h, read, output.
    private static readonly Dictionary<string, long[]> Prices = new()
    {
        ["claude-opus-5-5"] = [4_000, 5_000, 8_000, 200, 20_000],
        ["claude-sonnet-5-5"] = [2_000, 2_500, 4_000, 100, 10_000],
        ["claude-haiku-4-5"] = [1_000, 1_250, 2_000, 100, 5_000],
    };

    private World? _world;

    public async Task InitializeAsync() => _world = await World.StartAsync(Configuration);

    public async Task DisposeAsync() => await _world!.DisposeAsync();

    [Fact]
    public async Task AMixOfRequests_EqualsTheUpstreamsLedger()
    {
        var world = _world!;
        await using var ben = await world.AddPersonAsync("ben@example.com", "Engineering");
        await using var cas = await world.AddPersonAsync("cas@example.com", "Research");
        var people = new (string Name, HttpClient Client)[]
        {
            ("ana@example.com", world.Client), ("ben@example.com", ben.Client), ("cas@example.com", cas.Client),
        };
        world.Upstream.Ledger.Clear();
        var random = new Random(20261124);
        var sent = new Dictionary<string, int>();

        for (var round = 0; round < 22; round++)
        {
            await Task.WhenAll(people.Select((person, index) => Task.WhenAll(
                OneAsync(person.Client, round * 10 + index, random.Next(), stream: true),
                OneAsync(person.Client, round * 10 + index + 5, random.Next(), stream: round % 2 == 0))));
            foreach (var person in people)
            {
                sent[person.Name] = sent.GetValueOrDefault(person.Name) + 2;
            }
        }

        var rows = await RowsAsync(world, sent.Values.Sum());
        var ledger = world.Upstream.Ledger.Entries;
        Assert.Equal(sent.Values.Sum(), rows.Count);
        Assert.Equal(sent.Values.Sum(), ledger.Count);
        AssertEqualToTheToken(ledger, rows);
        AssertPriced(rows);

        var users = (await world.GetAsync("/api/users")).EnumerateArray()
            .ToDictionary(user => user.GetProperty("id").GetString()!, user => user.GetProperty("email").GetString()!);
        Assert.Equal(
            sent.OrderBy(pair => pair.Key),
            rows.GroupBy(row => users[row.GetProperty("user_id").GetString()!])
                .Select(group => KeyValuePair.Create(group.Key, group.Count())).OrderBy(pair => pair.Key));
        await AssertOverviewAsync(world, rows, "user", row => row.GetProperty("user_id").GetString()!);
        await AssertOverviewAsync(world, rows, "group", row => row.GetProperty("group_id").GetString()!);
        await AssertOverviewAsync(world, rows, "model", row => row.GetProperty("model").GetString()!);
        await AssertOverviewAsync(world, rows, "provider", row => row.GetProperty("provider").GetString()!);
    }

    [Fact]
    public async Task AClientGoneMidStream_LeavesOneInterruptedRowWithWhatWasSeen()
    {
        var world = _world!;
        world.Upstream.Ledger.Clear();
        using (var leaving = new CancellationTokenSource())
        {
            using var response = await world.MessageAsync("[[scenario:drip:20]]", stream: true, cancellationToken: leaving.Token);
            await using var body = await response.Content.ReadAsStreamAsync();
            await body.ReadExactlyAsync(new byte[300]);
            await leaving.CancelAsync();
        }

        var row = Assert.Single(await RowsAsync(world, 1));
        Assert.Equal("interrupted", row.GetProperty("completeness").GetString());
        var entry = Assert.Single(world.Upstream.Ledger.Entries);
        Assert.Equal("cut", entry.Outcome);
        Assert.Equal(entry.InputTokens, row.GetProperty("input_tokens").GetInt64());
        Assert.InRange(row.GetProperty("output_tokens").GetInt64(), 1, entry.OutputTokens + 200);
    }

    /// <summary>A batch from the agent's endpoint to the log, and then both ledgers side by side, by the verb that an administrator runs.</summary>
    [Fact]
    public async Task ABatch_IsMeteredOnceHoweverOftenItIsRead_AndTheProvidersReportAgrees()
    {
        var world = _world!;
        await using var dan = await world.AddPersonAsync("dan@example.com", "Research");
        world.Upstream.Ledger.Clear();
        var batch = JsonSerializer.Serialize(new
        {
            requests = Enumerable.Range(0, 12).Select(i => new
            {
                custom_id = $"r{i}",
                @params = new
                {
                    model = i % 3 == 0 ? "claude-haiku-4-5" : "claude-opus-5-5",
                    max_tokens = 500,
                    messages = new[] { new { role = "user", content = $"{i} {(i == 5 ? "[[scenario:error:500]]" : i == 7 ? "[[scenario:search]]" : "")}" } },
                },
            }),
        });
        using (var refused = await BatchAsync(world.Client, HttpMethod.Post, "", batch))
        {
            Assert.Contains("Batches are not offered", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        string id;
        using (var created = await BatchAsync(dan.Client, HttpMethod.Post, "", batch))
        {
            var text = await created.Content.ReadAsStringAsync();
            Assert.True(created.IsSuccessStatusCode, text);
            id = JsonDocument.Parse(text).RootElement.GetProperty("id").GetString()!;
        }

        for (var read = 0; read < 2; read++)
        {
            using var results = await BatchAsync(dan.Client, HttpMethod.Get, $"/{id}/results", null);
            Assert.Equal(12, (await results.Content.ReadAsStringAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        }

        await OneAsync(dan.Client, 2, 0, stream: true);

        // Refused, created, twice read, eleven results, one message.
        var rows = await RowsAsync(world, 16);
        var metered = rows.Where(row => row.GetProperty("kind").GetString() == "batch_result").ToList();
        Assert.Equal(11, metered.Count);
        Assert.All(metered, row => Assert.Equal(("batch", "complete"), (row.GetProperty("service_tier").GetString(), row.GetProperty("completeness").GetString())));
        var billed = world.Upstream.Ledger.Entries.Where(entry => entry.Kind == "batch").ToList();
        Assert.Equal(11, billed.Count);
        Assert.Equal(billed.Sum(entry => entry.OutputTokens), metered.Sum(row => row.GetProperty("output_tokens").GetInt64()));
        Assert.Equal(billed.Sum(entry => entry.InputTokens), metered.Sum(row => row.GetProperty("input_tokens").GetInt64()));

        // By hand: half of list price, and searches at their own.
        Assert.Equal(
            billed.Sum(entry => (((entry.InputTokens * Prices[entry.Model][0]) + (entry.OutputTokens * Prices[entry.Model][4])) / 2m)
                + (entry.WebSearchRequests * 10_000_000)) / 1_000_000_000m,
            metered.Sum(row => row.GetProperty("cost_usd").GetDecimal()));

        var keyFile = Path.Combine(world.State, "admin-key");
        await File.WriteAllTextAsync(keyFile, world.Upstream.AdminKey);
        var day = TimeProvider.System.GetUtcNow();
        var reconciled = await world.ControlPlaneAsync([
            "reconcile", "--provider", "Anthropic", "--admin-key-file", keyFile, "--all", "--json",
            "--from", day.AddDays(-1).ToString("yyyy-MM-dd", null), "--to", day.AddDays(1).ToString("yyyy-MM-dd", null)]);
        Assert.True(reconciled.ExitCode == 0, reconciled.ToString());
        var answer = JsonDocument.Parse(reconciled.Output).RootElement;
        Assert.Equal((0, 0), (answer.GetProperty("usage_differences").GetInt32(), answer.GetProperty("cost_differences").GetInt32()));
        Assert.True(answer.GetProperty("data").GetArrayLength() >= 2, reconciled.Output);
    }

    private static Task<HttpResponseMessage> BatchAsync(HttpClient client, HttpMethod method, string path, string? body)
    {
        var request = new HttpRequestMessage(method, "/v1/messages/batches" + path)
        {
            Content = body is null ? null : new StringContent(body, System.Text.Encoding.UTF8, "application/json"),
        };
        request.Headers.Add("anthropic-version", "2023-06-01");
        request.Headers.Add("x-api-key", "-");
        return client.SendAsync(request);
    }

    private static async Task OneAsync(HttpClient client, int number, int dice, bool stream)
    {
        var model = Prices.Keys.ElementAt(dice % Prices.Count);
        var (scenario, path) = (number % 9) switch
        {
            1 => ("[[scenario:gzip]]", "/v1/messages"),
            2 => ("[[scenario:br]]", "/v1/messages"),
            3 => ("", "/v1/messages/count_tokens"),
            4 => ("[[scenario:error:529]]", "/v1/messages"),
            5 => ("[[scenario:tool]]", "/v1/messages"),
            6 => ("[[scenario:thinking]]", "/v1/messages"),
            _ => ("", "/v1/messages"),
        };
        var cached = number % 2 == 0;
        object text = cached
            ? new object[]
            {
                new { type = "text", text = new string('c', 4000), cache_control = new { type = "ephemeral", ttl = "1h" } },
                new { type = "text", text = $"{number} {dice} {scenario}", cache_control = new { type = "ephemeral" } },
            }
            : $"{number} {dice} {scenario}";
        object content = new { role = "user", content = text };
        var body = path.EndsWith("count_tokens", StringComparison.Ordinal)
            ? JsonSerializer.Serialize(new { model, messages = new[] { content } })
            : JsonSerializer.Serialize(new { model, max_tokens = 500, stream, messages = new[] { content } });
        using var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = new StringContent(body, System.Text.Encoding.UTF8, "application/json"),
        };
        request.Headers.Add("anthropic-version", "2023-06-01");
        request.Headers.TryAddWithoutValidation("Accept-Encoding", "gzip, deflate, br, zstd");
        request.Headers.Add("x-api-key", "-");
        using var response = await client.SendAsync(request);
        await response.Content.ReadAsByteArrayAsync();
        Assert.Equal(scenario.Contains("529", StringComparison.Ordinal) ? (HttpStatusCode)529 : HttpStatusCode.OK, response.StatusCode);
    }

    /// <summary>Every row, once the expected number of them is there.</summary>
    private static async Task<List<JsonElement>> RowsAsync(World world, int expected)
    {
        for (var i = 0; ; i++)
        {
            var rows = new List<JsonElement>();
            for (var page = 1; ; page++)
            {
                var answer = await world.GetAsync($"/api/agent-network/access-logs?page={page}&page_size=100");
                rows.AddRange(answer.GetProperty("data").EnumerateArray());
                if (rows.Count >= answer.GetProperty("total_records").GetInt64() || answer.GetProperty("data").GetArrayLength() == 0)
                {
                    break;
                }
            }

            if (rows.Count >= expected || i == 50)
            {
                return rows;
            }

            await Task.Delay(100);
        }
    }

    private static void AssertEqualToTheToken(IEnumerable<LedgerEntry> ledger, IEnumerable<JsonElement> rows)
    {
        var theirs = ledger.Select(entry => entry is { Kind: "messages", Status: 200 }
                ? (entry.Model, entry.Stream, entry.InputTokens, entry.OutputTokens, entry.CacheReadInputTokens,
                    entry.CacheCreation5mInputTokens + entry.CacheCreation1hInputTokens, entry.CacheCreation1hInputTokens)
                : (entry.Model, entry.Stream, 0, 0, 0, 0, 0))
            .Order().ToList();
        var ours = rows.Select(row => (
                row.GetProperty("model").GetString()!, row.GetProperty("stream").GetBoolean(),
                row.GetProperty("input_tokens").GetInt64(), row.GetProperty("output_tokens").GetInt64(),
                row.GetProperty("cached_input_tokens").GetInt64(), row.GetProperty("cache_creation_tokens").GetInt64(),
                row.GetProperty("cache_creation_1h_tokens").GetInt64()))
            .Order().ToList();
        Assert.Equal(theirs, ours);
        Assert.Contains(ours, row => row.Item7 > 0);
    }

    private static void AssertPriced(IEnumerable<JsonElement> rows)
        => Assert.All(rows, row =>
        {
            var price = Prices[row.GetProperty("model").GetString()!];
            var write1h = row.GetProperty("cache_creation_1h_tokens").GetInt64();
            var nano = (row.GetProperty("input_tokens").GetInt64() * price[0])
                + ((row.GetProperty("cache_creation_tokens").GetInt64() - write1h) * price[1])
                + (write1h * price[2])
                + (row.GetProperty("cached_input_tokens").GetInt64() * price[3])
                + (row.GetProperty("output_tokens").GetInt64() * price[4]);
            Assert.Equal(nano, (long)(row.GetProperty("cost_usd").GetDecimal() * 1_000_000_000m));
        });

    private static async Task AssertOverviewAsync(World world, List<JsonElement> rows, string groupBy, Func<JsonElement, string> key)
    {
        var overview = await world.GetAsync($"/api/agent-network/usage/overview?granularity=day&group_by={groupBy}");
        var theirs = new Dictionary<string, (long Input, long Output, decimal Cost)>();
        foreach (var cell in overview.GetProperty("data").EnumerateArray())
        {
            var name = cell.GetProperty("key").GetString()!;
            var sum = theirs.GetValueOrDefault(name);
            theirs[name] = (
                sum.Input + cell.GetProperty("input_tokens").GetInt64(),
                sum.Output + cell.GetProperty("output_tokens").GetInt64(),
                Plain(sum.Cost + cell.GetProperty("cost_usd").GetDecimal()));
        }

        var ours = rows.GroupBy(key).ToDictionary(group => group.Key, group => (
            group.Sum(row => row.GetProperty("input_tokens").GetInt64()),
            group.Sum(row => row.GetProperty("output_tokens").GetInt64()),
            Plain(group.Sum(row => row.GetProperty("cost_usd").GetDecimal()))));
        Assert.Equal(
            ours.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => pair.ToString()),
            theirs.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => pair.ToString()));
    }

    // Without trailing zeros, which a decimal remembers.
    private static decimal Plain(decimal value) => value / 1.0000000000000000000000000000m;
}
