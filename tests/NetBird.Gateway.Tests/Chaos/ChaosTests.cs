using System.Collections.Concurrent;
using System.Net;
using System.Text;
using FakeAnthropic;
using NetBird.Gateway.Metering;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace NetBird.Gateway.Tests.Chaos;

/// <summary>
/// Many people, models and answers at once, with callers who leave, providers that break, errors, slow drips and a journal that is away
/// for a while. The seed decides everything but timing. 400 requests in every run, 20,000 with NETBIRD_LONG=1.
/// </summary>
public sealed class ChaosTests
{
    private static readonly string[] Models =
        ["claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5", "claude-fable-5-1", "claude-opus-4-8"];

    private static readonly string[] Scenarios =
    [
        "", "", "", "tool", "thinking", "search", "events:60", "gzip", "br", "zstd", "drip:0.2", "gzip]][[scenario:events:80", "unknown-fields", "crlf",
        "error:429", "error:500", "error:529", "error:400-prompt-too-long", "cut:6", "eof:4", "sse-error:6", "reset", "malformed-usage", "no-usage",
    ];

    [Fact]
    public async Task EveryRequest_HasOneRow_AndEachThatEitherSideCompleted_EqualsTheLedger()
    {
        const int Seed = 20261124;
        var requests = Fuzzing.Long ? 20_000 : 400;
        await using var gateway = await TestGateway.StartAsync();
        var people = Enumerable.Range(0, 30).Select(i => IPAddress.Parse($"127.0.1.{i + 1}")).ToArray();
        foreach (var (address, i) in people.Select((address, i) => (address, i)))
        {
            gateway.Account.Peers[address] = TestAccount.Person($"person-{i}", TestAccount.Engineering);
        }

        gateway.Account.Publish();
        var whole = new ConcurrentDictionary<string, bool>();
        var refused = 0;
        await Parallel.ForAsync(0, requests, new ParallelOptions { MaxDegreeOfParallelism = 24 }, async (i, _) =>
        {
            var random = new Random(Seed + i);
            gateway.Journal.Unwritable = i % 97 < 3;
            var answer = await AskOrLeaveAsync(gateway, people[random.Next(people.Length)], random, i);
            if (answer is { Status: 200 } && answer.Header("request-id") is { } id)
            {
                whole[id] = true;
            }

            if (answer is { Status: 503 })
            {
                Interlocked.Increment(ref refused);
            }
        });
        gateway.Journal.Unwritable = false;

        var rows = await SettledAsync(gateway, requests);
        Assert.Empty(gateway.Journal.Open);
        Assert.All(gateway.Reservations.Held, held => Assert.NotNull(held.Value));
        var byProvider = rows.Where(row => row.ProviderRequestId is not null).ToDictionary(row => row.ProviderRequestId!);
        var exact = 0;
        foreach (var billed in gateway.Upstream.Ledger.Entries.Where(entry => byProvider.ContainsKey(entry.RequestId)))
        {
            exact += AssertMetered(billed, byProvider[billed.RequestId], whole.ContainsKey(billed.RequestId)) ? 1 : 0;
        }

        // Whatever the provider completed and the gateway began to return is in our rows, and none of the rows is made up.
        Assert.All(whole.Keys, id => Assert.Contains(id, byProvider.Keys));
        Assert.True(exact > requests / 3, $"{exact} of {requests} were exact, {refused} refused");
        Assert.Empty(gateway.Upstream.Requests.Violations);
    }

    private static async Task<Answered?> AskOrLeaveAsync(TestGateway gateway, IPAddress person, Random random, int number)
    {
        var text = $"request {number} [[scenario:{Scenarios[random.Next(Scenarios.Length)]}]]";
        var stream = random.Next(4) > 0;
        var model = Models[random.Next(Models.Length)];
        using var client = gateway.Client(person);
        using var request = TestGateway.Message(
            text, stream, model, random.Next(2) == 0 ? ",\"system\":[{\"type\":\"text\",\"text\":\"be kind\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}]" : "");
        request.Headers.TryAddWithoutValidation("accept-encoding", "gzip, br, zstd");
        using var patience = new CancellationTokenSource(random.Next(8) == 0 ? random.Next(1, 60) : 60_000);
        try
        {
            using var response = await client.SendAsync(request, patience.Token);
            return await Answered.ReadAsync(response);
        }
        catch (Exception gone) when (gone is OperationCanceledException or HttpRequestException)
        {
            return null;
        }
    }

    /// <returns>Whether the row is exact; else it is within its stated bound, which is asserted.</returns>
    private static bool AssertMetered(LedgerEntry billed, UsageRecord row, bool callerHasAll)
    {
        if (billed.Outcome == "error")
        {
            Assert.Equal(0, row.Cost.Value);
            return true;
        }

        // A caller who leaves with the last event makes the provider call it cut, though its last figures came: what we call complete is exact all the same.
        if (billed.UsageForm == "figures" && (row.Completeness == Completeness.Complete || (billed.Outcome == "completed" && callerHasAll)))
        {
            Assert.Equal(Completeness.Complete, row.Completeness);
            var expected = new TokenUsage(
                billed.InputTokens, billed.OutputTokens, billed.CacheReadInputTokens, billed.CacheCreation5mInputTokens, billed.CacheCreation1hInputTokens);
            Assert.Equal(expected, row.Usage.Tokens);
            Assert.Equal(billed.WebSearchRequests, row.Usage.WebSearchRequests);
            Assert.Equal(PriceTable.Default.Price(TestAccount.Anthropic, billed.Model, row.Usage, row.Timestamp).Cost, row.Cost);
            return true;
        }

        // Input: the provider's figure where it came, else four bytes a token. Output: what was seen at four characters a token.
        Assert.Equal(Completeness.Interrupted, row.Completeness);
        Assert.True(row.Cost.Value > 0);
        Assert.InRange(row.Usage.Tokens.Input, 1, Math.Max(billed.InputTokens, (row.RequestBytes + 3) / 4));
        // Of an answer that is no stream the JSON around the words counts too, also where its caller had left and got none of it (measured 280 to 520 bytes).
        var most = Math.Max(billed.OutputTokens, row.ResponseBytes / 4) + billed.SentEvents + (row.Stream ? 1 : 200);
        Assert.True(row.Usage.Tokens.Output >= 1 && row.Usage.Tokens.Output <= most, $"{row} for {billed}, at most {most}");
        return false;
    }

    /// <summary>A caller who left before its request was read leaves no row; everyone else one.</summary>
    private static async Task<IReadOnlyList<UsageRecord>> SettledAsync(TestGateway gateway, int atMost)
    {
        var before = -1;
        for (var i = 0; i < 100 && (before != gateway.Journal.Completed.Count || gateway.Journal.Open.Any()); i++)
        {
            before = gateway.Journal.Completed.Count;
            await Task.Delay(300);
        }

        var rows = gateway.Journal.Completed;
        Assert.InRange(rows.Count, gateway.Journal.Begun.Count, atMost);
        Assert.Equal(rows.Count, rows.Select(row => row.Id).Distinct().Count());
        return rows;
    }
}
