using System.Net.Sockets;
using System.Text;
using FakeAnthropic;
using NetBird.ControlPlane.Tests.Usage.Postgres;
using Xunit.Abstractions;

namespace NetBird.ControlPlane.Tests.Usage.Chaos;

/// <summary>
/// Two hundred callers at once against one cap, over HTTP, with the gateway in processes of their own: one on LiteDB, three on
/// PostgreSQL. What the provider's ledger counts is what is held against the cap. 100 runs with NETBIRD_LONG=1.
/// </summary>
public sealed class CapProcessTests(PostgresCluster cluster, ITestOutputHelper output) : IClassFixture<PostgresCluster>
{
    private const int Callers = 200;
    private const long Cap = 20_000;

    /// <summary>Most runs of one case; each has a person, a group and a policy that no other of the same database uses, whose counters would still be full.</summary>
    private const int MostRuns = 100;

    /// <summary>People of no run.</summary>
    private const int Nobody = (2 * MostRuns) + 1;

    private const int Leaver = Nobody + 1;

    /// <summary>In place of a status.</summary>
    private const int Died = 0;

    private const int Left = 1;

    private static readonly int Runs = Environment.GetEnvironmentVariable("NETBIRD_LONG") == "1" ? MostRuns : 2;

    [SkippableTheory]
    [InlineData(false, true)]
    [InlineData(true, true)]
    [InlineData(false, false)]
    [InlineData(true, false)]
    public async Task Cap_200CallersAtOnce_StrictIsNeverPassed_DefaultByNoMoreThanItUnderestimated(bool postgres, bool strict)
    {
        Skip.If(postgres && cluster.Missing is not null, cluster.Missing);
        await using var upstream = await FakeUpstream.StartAsync(new() { Keys = { GatewayNode.Key } });
        var nodes = Enumerable.Range(0, postgres ? 3 : 1).Select(_ => new NodeProcess(
            upstream.Url, postgres ? cluster.ConnectionString : "-", people: 2 * MostRuns, groups: 2 * MostRuns, cap: strict ? Cap : -Cap)).ToList();
        try
        {
            foreach (var node in nodes)
            {
                await node.StartAsync();
            }

            long worst = 0;
            var refusals = 0;
            for (var run = 0; run < Runs; run++)
            {
                var (used, refused, closed, mostOfOne) = await RunAsync(upstream, nodes, run, person: strict ? run : MostRuns + run);
                Assert.True(refused > 0, $"Run {run}: the cap was never reached, the run proves nothing ({used} used).");
                Assert.True(used > Cap / 4 || closed > 0, $"Run {run}: {used} used of {Cap} and the rest refused: the counter was not empty, the run proves nothing.");
                worst = Math.Max(worst, used - Cap);
                refusals += refused;
                if (strict)
                {
                    Assert.True(used <= Cap, $"Run {run}: the provider counted {used} under a strict cap of {Cap}.");
                }
                else
                {
                    // Each of those in flight was reserved at least one token: so much they can have been underestimated by.
                    Assert.True(used - Cap <= Callers * mostOfOne, $"Run {run}: {used} under {Cap}, past the bound of {Callers * mostOfOne}.");
                }
            }

            output.WriteLine(
                $"{(postgres ? "3 processes on PostgreSQL" : "1 process on LiteDB")}, {(strict ? "strict" : "default")} cap of {Cap} tokens, {Runs} runs of {Callers} callers: "
                + $"{refusals} refused; the provider counted at most {Cap + worst} ({100.0 * worst / Cap:+0.0;-0.0}%)");
        }
        finally
        {
            nodes.ForEach(node => node.Dispose());
        }
    }

    /// <summary>Killed while many answers are under way, again and again: what the provider charged for those is under the cap, too.</summary>
    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task StrictCap_GatewayKilledWithAnswersUnderWay_IsNeverPassed(bool postgres)
    {
        Skip.If(postgres && cluster.Missing is not null, cluster.Missing);
        await using var upstream = await FakeUpstream.StartAsync(new() { Keys = { GatewayNode.Key } });
        using var node = new NodeProcess(upstream.Url, postgres ? cluster.ConnectionString : "-", people: Nobody + 1, groups: Nobody + 1, cap: Cap);
        await node.StartAsync();
        var billedWhenCut = 0L;
        for (var kill = 0; kill < 3; kill++)
        {
            var asking = Enumerable.Range(0, 12).Select(i => AskOverAsync(node, i, seconds: 20, Nobody)).ToList();
            await Eventually.TrueAsync(() => Task.FromResult(upstream.Requests.All.Count >= (kill + 1) * 4), 30);
            await node.KillAsync();
            await Task.WhenAll(asking);
        }

        // Whoever was cut is billed by what was sent; the provider could as well have charged the whole answer.
        await Eventually.TrueAsync(() => Task.FromResult(upstream.Ledger.Entries.Count == upstream.Requests.All.Count), 60);
        billedWhenCut = Used(upstream);
        Assert.Contains(upstream.Ledger.Entries, entry => entry.Outcome == "cut");
        var refused = 0;
        for (var i = 0; i < 400 && refused < 20; i++)
        {
            refused += await AskOverAsync(node, i, seconds: 0, Nobody) == 429 ? 1 : 0;
        }

        output.WriteLine($"{(postgres ? "PostgreSQL" : "LiteDB")}: the provider counted {billedWhenCut} of {Cap} when killed, {Used(upstream)} in the end");
        Assert.Equal(20, refused);
        Assert.InRange(Used(upstream), 1, Cap);
    }

    /// <summary>Whoever leaves in time, again and again, gets no more out of the provider than the cap says.</summary>
    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task StrictCap_CallersLeaveAtAnyMoment_IsNeverPassed(bool postgres)
    {
        Skip.If(postgres && cluster.Missing is not null, cluster.Missing);
        await using var upstream = await FakeUpstream.StartAsync(new() { Keys = { GatewayNode.Key } });
        using var node = new NodeProcess(upstream.Url, postgres ? cluster.ConnectionString : "-", people: Leaver + 1, groups: Leaver + 1, cap: Cap);
        await node.StartAsync();
        var random = new Random(5);
        int left = 0, refused = 0;
        for (var round = 0; round < 20 && refused < 20; round++)
        {
            var leaveAfter = Enumerable.Range(0, 20).Select(_ => TimeSpan.FromMilliseconds(random.Next(50, 1500))).ToList();
            var answers = await Task.WhenAll(leaveAfter.Select((after, i) => AskOverAsync(node, i, seconds: 1, Leaver, after)));
            left += answers.Count(status => status == Left);
            refused += answers.Count(status => status == 429);
        }

        await Eventually.TrueAsync(() => Task.FromResult(upstream.Ledger.Entries.Count == upstream.Requests.All.Count), 60);
        output.WriteLine($"{(postgres ? "PostgreSQL" : "LiteDB")}: {left} left, {refused} were refused, the provider counted {Used(upstream)} of {Cap}");
        Assert.True(left >= 20 && refused >= 20, $"{left} left, {refused} were refused: proves nothing");
        Assert.InRange(Used(upstream), Cap / 2, Cap);
    }

    private static long Used(FakeUpstream upstream) => upstream.Ledger.Entries.Sum(entry =>
        entry.InputTokens + entry.OutputTokens + entry.CacheReadInputTokens + entry.CacheCreation5mInputTokens + entry.CacheCreation1hInputTokens);

    /// <summary>Asks for an answer that takes so long.</summary>
    private static async Task<int> AskOverAsync(NodeProcess node, int number, int seconds, int person, TimeSpan? leaveAfter = null)
    {
        using var client = ChaosCaller.Client(new($"http://127.0.0.1:{node.Port}"), GatewayNode.AddressOf(person));
        client.Timeout = leaveAfter ?? client.Timeout;
        using var body = new StringContent(
            $$"""{"model":"claude-opus-5-5","max_tokens":400,"stream":{{(number % 2 == 0 ? "true" : "false")}},"messages":[{"role":"user","content":"{{(seconds > 0 ? $"[[scenario:drip:{seconds}]]" : "")}} [[scenario:figures:out=390]]"}]}""",
            Encoding.UTF8,
            "application/json");
        client.DefaultRequestHeaders.Add("anthropic-version", "2023-06-01");
        try
        {
            using var response = await client.PostAsync("/v1/messages", body);
            return (int)response.StatusCode;
        }
        catch (Exception gone) when (gone is HttpRequestException or SocketException)
        {
            return Died;
        }
        catch (OperationCanceledException) when (leaveAfter is not null)
        {
            return Left;
        }
    }

    /// <returns>What the provider counted, how many were refused by the cap and because the store did not answer in time, and the most one request used.</returns>
    private static async Task<(long Used, int Refused, int Closed, long MostOfOne)> RunAsync(FakeUpstream upstream, List<NodeProcess> nodes, int run, int person)
    {
        upstream.Ledger.Clear();
        var refused = 0;
        var closed = 0;
        await Parallel.ForAsync(0, Callers, new ParallelOptions { MaxDegreeOfParallelism = Callers }, async (i, _) =>
        {
            var random = new Random((run * Callers) + i);
            using var client = ChaosCaller.Client(new($"http://127.0.0.1:{nodes[i % nodes.Count].Port}"), GatewayNode.AddressOf(person));
            var most = random.Next(20, 400);
            using var body = new StringContent(
                $$"""{"model":"claude-opus-5-5","max_tokens":{{most}},"stream":{{(i % 2 == 0 ? "true" : "false")}},"messages":[{"role":"user","content":"run {{run}} [[scenario:figures:out={{random.Next(1, most + 1)}}]]"}]}""",
                Encoding.UTF8,
                "application/json");
            client.DefaultRequestHeaders.Add("anthropic-version", "2023-06-01");
            using var response = await client.PostAsync("/v1/messages", body);
            if (response.IsSuccessStatusCode)
            {
                return;
            }

            if ((int)response.StatusCode == 503)
            {
                // A database that does not answer in time on a busy machine: closed, and told.
                Interlocked.Increment(ref closed);
                return;
            }

            Assert.Equal(429, (int)response.StatusCode);
            Assert.Contains("billing_error", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
            Interlocked.Increment(ref refused);
        });
        var used = upstream.Ledger.Entries
            .Select(entry => entry.InputTokens + entry.OutputTokens + entry.CacheReadInputTokens + entry.CacheCreation5mInputTokens + entry.CacheCreation1hInputTokens)
            .ToList();
        Assert.True(closed < Callers / 2, $"{closed} of {Callers} were refused because the counters could not be asked");
        return (used.Sum(), refused, closed, used.Count == 0 ? 0 : used.Max());
    }
}
