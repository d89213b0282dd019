using System.Collections.Concurrent;
using FakeAnthropic;
using Microsoft.Extensions.Logging.Abstractions;
using NetBird.ControlPlane.Tests.Usage.Postgres;
using NetBird.ControlPlane.Usage;
using NetBird.Gateway.Metering;
using NetBird.Policy.Pricing;
using NetBird.Primitives;
using Xunit.Abstractions;

namespace NetBird.ControlPlane.Tests.Usage.Chaos;

/// <summary>
/// Thirty people in six groups on five models, with callers who leave, providers that break, errors, slow drips, gateways that are killed
/// (kill -9) and started again, and a store that goes away; the rows against the provider's own ledger. Some hundred requests on
/// each store in every run, 20,000 with NETBIRD_LONG=1, or NETBIRD_CHAOS_REQUESTS. The seed (NETBIRD_CHAOS_SEED) decides everything but timing.
/// </summary>
public sealed class ChaosTests(PostgresCluster cluster, ITestOutputHelper output) : IClassFixture<PostgresCluster>
{
    /// <summary>Bytes: ids, usage and the rest of a plain answer, measured 280 to 520.</summary>
    private const int JsonAroundTheWords = 800;

    private static readonly bool Long = Environment.GetEnvironmentVariable("NETBIRD_LONG") == "1";

    private static int Requests(int few) => int.TryParse(Environment.GetEnvironmentVariable("NETBIRD_CHAOS_REQUESTS"), out var count) ? count : Long ? 20_000 : few;

    private static readonly int Seed = int.TryParse(Environment.GetEnvironmentVariable("NETBIRD_CHAOS_SEED"), out var seed) ? seed : 20261126;

    [Fact]
    public async Task LiteDb_OneGateway_EveryRequestHasOneRow_ExactOrWithinItsBound()
    {
        await using var upstream = await FakeUpstream.StartAsync(new() { Keys = { GatewayNode.Key } });
        using var node = new NodeProcess(upstream.Url);
        await node.StartAsync();
        var ledger = Path.Combine(node.Directory, "usage.db");

        var outcomes = await RunAsync([node], Requests(500), async (number, random) =>
        {
            if (number % 3 == 0)
            {
                File.Move(ledger, ledger + ".away");
                await Task.Delay(random.Next(200, 900));
                File.Move(ledger + ".away", ledger);
            }
            else
            {
                await node.KillAsync();
            }
        });

        await node.StopAsync();
        await using var store = await UsageStore.OpenAsync(node.Directory, TimeProvider.System, NullLoggerFactory.Instance, default);
        await CheckAsync(upstream, store, outcomes, [node], strict: false);
    }

    [SkippableFact]
    public async Task Postgres_ThreeGateways_EveryRequestHasOneRow_ExactOrWithinItsBound()
    {
        Skip.If(cluster.Missing is not null, cluster.Missing);
        await using var upstream = await FakeUpstream.StartAsync(new() { Keys = { GatewayNode.Key } });
        using var first = new NodeProcess(upstream.Url, cluster.ConnectionString, cap: 2_000_000_000);
        using var second = new NodeProcess(upstream.Url, cluster.ConnectionString, cap: 2_000_000_000);
        using var third = new NodeProcess(upstream.Url, cluster.ConnectionString, cap: 2_000_000_000);
        NodeProcess[] nodes = [first, second, third];
        foreach (var node in nodes)
        {
            await node.StartAsync();
        }

        var outcomes = await RunAsync(nodes, Requests(250), async (number, random) =>
        {
            if (number % 3 == 0)
            {
                cluster.Stop();
                await Task.Delay(random.Next(100, 700));
                cluster.Start();
            }
            else
            {
                await nodes[random.Next(nodes.Length)].KillAsync();
            }
        });

        foreach (var node in nodes)
        {
            await node.StopAsync();
        }

        // Each node's journal hands over what it still has.
        foreach (var node in nodes)
        {
            await using var again = await UsageStore.OpenPostgresAsync(
                cluster.ConnectionString, node.Directory, TimeProvider.System, NullLoggerFactory.Instance, default);
            await Eventually.TrueAsync(() => Task.FromResult(((NetBird.ControlPlane.Usage.Journalling.UsageJournal)again.Journal).Backlog == 0), 60);
        }

        await using var store = await UsageStore.OpenPostgresAsync(
            cluster.ConnectionString, first.Directory, TimeProvider.System, NullLoggerFactory.Instance, default);
        await CheckAsync(upstream, store, outcomes, nodes, strict: true);
    }

    /// <summary>Requests by 24 callers at once; trouble each time another part of them is done.</summary>
    private static async Task<List<ChaosOutcome>> RunAsync(NodeProcess[] nodes, int requests, Func<int, Random, Task> trouble)
    {
        var outcomes = new ConcurrentBag<ChaosOutcome>();
        var each = requests / (Long ? 60 : 4);
        var random = new Random(Seed);
        var running = Parallel.ForAsync(0, requests, new ParallelOptions { MaxDegreeOfParallelism = 24 }, async (i, _) =>
            outcomes.Add(await ChaosCaller.AskAsync(new($"http://127.0.0.1:{nodes[i % nodes.Length].Port}"), Seed, i)));
        var number = 0;
        for (var next = each; next < requests && !running.IsCompleted; next += each)
        {
            while (outcomes.Count < next && !running.IsCompleted)
            {
                await Task.Delay(10);
            }

            await trouble(number++, random);
        }

        await running;
        Assert.Equal(requests, outcomes.Count);
        return [.. outcomes];
    }

    private async Task CheckAsync(FakeUpstream upstream, UsageStore store, List<ChaosOutcome> outcomes, NodeProcess[] nodes, bool strict)
    {
        await Eventually.TrueAsync(() => Task.FromResult(((NetBird.ControlPlane.Usage.Journalling.UsageJournal)store.Journal).Backlog == 0), 60);
        var rows = new Dictionary<string, UsageRecord>(StringComparer.Ordinal);
        await foreach (var row in store.Ledger.EnumerateAsync(new(), default))
        {
            if (row.SessionId?.StartsWith("chaos-", StringComparison.Ordinal) == true)
            {
                Assert.True(rows.TryAdd(row.SessionId, row), $"{row.SessionId} is there twice");
            }
        }

        var billed = upstream.Ledger.Entries.ToDictionary(entry => entry.SessionId!);
        int exact = 0, interrupted = 0, killed = 0, refused = 0;
        foreach (var outcome in outcomes)
        {
            var session = ChaosCaller.SessionOf(outcome.Number);
            var entry = billed.GetValueOrDefault(session);
            var row = rows.GetValueOrDefault(session);
            var died = nodes.Any(node => node.Away.Any(away => outcome.Began <= away.To && outcome.Ended.AddSeconds(2) >= away.From));
            Assert.True(row is not null || entry is null, $"{session}: the provider has {entry}, we have no row; for its caller it was {outcome}, a gateway died beside it: {died}");
            refused += outcome.Status == 503 ? 1 : 0;
            if (row is null)
            {
                // A refusal goes out after a moment whether its row is on the disk or not (GatewayPipeline), so a kill right then can take the row.
                Assert.True(!outcome.Whole || (outcome.Status == 503 && died), $"{session}: answered with {outcome.Status}, we have no row");
                continue;
            }

            if (row.Completeness is Completeness.Interrupted)
            {
                if (strict && row.Usage.Tokens.Output == ChaosCaller.MaxTokens)
                {
                    Assert.True(died || !IsWhole(outcome, entry), $"{session}: at its bound, and no gateway died: {row.Usage.Tokens} for {entry}");
                    CheckBound(session, row, entry);
                }
                else
                {
                    CheckInterrupted(session, row, entry, outcome, died);
                }

                interrupted++;
                killed += died ? 1 : 0;
            }
            else
            {
                CheckExact(session, row, entry);
                exact += row.Usage.Tokens.Total > 0 ? 1 : 0;
            }
        }

        Assert.Empty(await store.Ledger.VerifyAsync(default));
        Assert.Empty(upstream.Requests.Violations);
        output.WriteLine(
            $"seed {Seed}: {outcomes.Count} requests, {exact} with usage equal to the provider's ledger to the token, {interrupted} interrupted within "
            + $"their bound ({killed} of them beside a kill), {refused} refused while the store was away, {nodes.Sum(node => node.Away.Count)} kills, 0 missing, 0 double");

        // How long the store is away is the clock's affair, not the seed's: of the requests that were let in, not of all.
        Assert.True(exact > (outcomes.Count - refused) / 5, $"only {exact} of {outcomes.Count - refused} were exact");
    }

    /// <summary>The provider's figures to the token, priced independently of how they came to us; an error or refusal costs nothing.</summary>
    private static void CheckExact(string session, UsageRecord row, LedgerEntry? entry)
    {
        var expected = entry is null or { Outcome: "error" }
            ? default
            : new TokenUsage(
                entry.InputTokens, entry.OutputTokens, entry.CacheReadInputTokens, entry.CacheCreation5mInputTokens, entry.CacheCreation1hInputTokens);
        Assert.True(row.Usage.Tokens == expected, $"{session}: we have {row.Usage.Tokens}, the provider {entry}");
        if (entry is not null && expected != default)
        {
            Assert.Equal(entry.WebSearchRequests, row.Usage.WebSearchRequests);
            Assert.Equal(PriceTable.Default.Price(GatewayNode.Anthropic, entry.Model, row.Usage, row.Timestamp).Cost, row.Cost);
        }
        else
        {
            Assert.Equal(0, row.Cost.Value);
        }
    }

    /// <summary>
    /// Under a strict cap a gateway's death, or a cut before anything was told, leaves all that the provider may charge (StrictBound): never less
    /// than its own ledger has.
    /// </summary>
    private static void CheckBound(string session, UsageRecord row, LedgerEntry? entry)
    {
        if (entry is null or { Outcome: "error" })
        {
            return;
        }

        var billed = new TokenUsage(
            entry.InputTokens, entry.OutputTokens, entry.CacheReadInputTokens, entry.CacheCreation5mInputTokens, entry.CacheCreation1hInputTokens);
        Assert.True(row.Usage.Tokens.Total >= billed.Total, $"{session}: we hold {row.Usage.Tokens}, the provider has {entry}");
        var price = PriceTable.Default.Price(GatewayNode.Anthropic, entry.Model, new(billed, (int)entry.WebSearchRequests), row.Timestamp).Cost;
        Assert.True(row.Cost.Value >= price.Value, $"{session}: we hold {row.Cost}, the provider's price is {price}");
    }

    /// <summary>
    /// The bound of an interrupted row: input is the provider's figure where it came, else a token for every four bytes of the body; output
    /// is what was seen: at most what the provider generated, or, where figures never came, a token for every four bytes of what the answer
    /// unpacked to; of an answer that is no stream the JSON around the words counts too.
    /// </summary>
    private static void CheckInterrupted(string session, UsageRecord row, LedgerEntry? entry, ChaosOutcome outcome, bool died)
    {
        Assert.True(row.Cost.Value > 0, $"{session}: an interrupted request is never free");
        Assert.InRange(row.Usage.Tokens.Input, 1, Math.Max(entry?.InputTokens ?? 0, (row.RequestBytes + 3) / 4));
        var around = row.Stream ? 1 : JsonAroundTheWords / 4;
        var most = Math.Max(entry?.OutputTokens ?? 0, row.ResponseBytes) + (entry?.SentEvents ?? 0) + around;
        Assert.True(row.Usage.Tokens.Output <= most, $"{session}: {row} for {entry}");
        Assert.True(!IsWhole(outcome, entry) || died, $"{session}: both sides completed it, and no gateway died: {row.Usage.Tokens} for {entry}");
    }

    private static bool IsWhole(ChaosOutcome outcome, LedgerEntry? entry)
        => outcome is { Whole: true, Status: 200 } && entry is { Outcome: "completed", UsageForm: "figures" };
}
