using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using System.Text.Json;
using FakeAnthropic;
using Microsoft.Extensions.Logging.Abstractions;
using NetBird.ControlPlane.Tests.Usage.Postgres;
using NetBird.ControlPlane.Usage;
using NetBird.Gateway.Metering;
using NetBird.Primitives;
using Xunit.Abstractions;

namespace NetBird.ControlPlane.Tests.Usage.Chaos;

/// <summary>
/// Point 4 of "done", with the gateway in a process of its own: the store goes while people work. Within a second whoever asks is refused, in
/// the shape that says so and soon; what was answered is metered to the token; when the store is back, service goes on by itself.
/// </summary>
public sealed class StoreGoneTests(PostgresCluster cluster, ITestOutputHelper output) : IClassFixture<PostgresCluster>
{
    private const int Callers = 8;

    /// <summary>After this nobody new is let through. Ours is a second; the rest is for a busy machine.</summary>
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(2);

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task StoreGoesAndComesBack_RequestsAreRefusedMeanwhile_NoneThatWasAnsweredIsUnmetered(bool postgres)
    {
        Skip.If(postgres && cluster.Missing is not null, cluster.Missing);
        await using var upstream = await FakeUpstream.StartAsync(new() { Keys = { GatewayNode.Key } });
        using var node = new NodeProcess(upstream.Url, postgres ? cluster.ConnectionString : "-", cap: 2_000_000_000);
        await node.StartAsync();
        var ledger = Path.Combine(node.Directory, "usage.db");
        var asked = new ConcurrentBag<Asked>();
        using var stop = new CancellationTokenSource();
        var callers = Enumerable.Range(0, Callers).Select(caller => AskOnAsync(node, caller, asked, stop.Token)).ToList();
        await Eventually.TrueAsync(() => Task.FromResult(asked.Count(one => one.Status == 200) >= 40), 60);

        var before = Stopwatch.GetTimestamp();
        Take(postgres, ledger);
        var gone = Stopwatch.GetTimestamp();
        await Task.Delay(TimeSpan.FromSeconds(4));
        var end = Stopwatch.GetTimestamp();
        Give(postgres, ledger);
        var back = Stopwatch.GetTimestamp();
        await Eventually.TrueAsync(() => Task.FromResult(asked.Count(one => one.Began > back && one.Status == 200) >= 20), 60);
        await stop.CancelAsync();
        await Task.WhenAll(callers);

        var refused = asked.Where(one => one.Status != 200).ToList();
        Assert.All(refused, one => Assert.Equal((503, "api_error", "5"), (one.Status, one.Error, one.RetryAfter)));
        var meanwhile = asked.Where(one => one.Began > gone && one.Ended < end).ToList();
        var late = meanwhile.Where(one => one.Status == 200 && Stopwatch.GetElapsedTime(gone, one.Began) > Within).ToList();
        Assert.True(late.Count == 0, $"{late.Count} requests were let through though the store was gone for {Within.TotalSeconds} s");
        Assert.Contains(meanwhile, one => one.Status == 503);
        var last = asked.Where(one => one.Began < end && one.Status == 200).Max(one => one.Began);
        var waits = refused.Where(one => one.Began > gone).Select(one => Stopwatch.GetElapsedTime(one.Began, one.Ended).TotalMilliseconds).Order().ToList();
        Assert.True(waits[waits.Count / 2] < 1_000, $"half of the refusals took over {waits[waits.Count / 2]:F0} ms");
        var first = asked.Where(one => one.Began > back && one.Status == 200).Min(one => one.Began);
        output.WriteLine(
            $"{(postgres ? "PostgreSQL" : "LiteDB")}: the last request was let through {Stopwatch.GetElapsedTime(before, last).TotalMilliseconds:F0} ms after the store began to go; {refused.Count} refused, "
            + $"in {waits[0]:F0} to {waits[^1]:F0} ms, half of them under {waits[waits.Count / 2]:F0}; service again {Stopwatch.GetElapsedTime(back, first).TotalMilliseconds:F0} ms after it was back");

        await node.StopAsync();
        await AssertMeteredAsync(upstream, node, postgres, asked.Count(one => one.Status == 200));
    }

    private void Take(bool postgres, string ledger)
    {
        if (postgres)
        {
            cluster.Stop();
        }
        else
        {
            File.Move(ledger, ledger + ".away");
        }
    }

    private void Give(bool postgres, string ledger)
    {
        if (postgres)
        {
            cluster.Start();
        }
        else
        {
            File.Move(ledger + ".away", ledger);
        }
    }

    /// <summary>A row for each of the provider's entries, to the token, and none besides.</summary>
    private async Task AssertMeteredAsync(FakeUpstream upstream, NodeProcess node, bool postgres, int answered)
    {
        await using var store = postgres
            ? await UsageStore.OpenPostgresAsync(cluster.ConnectionString, node.Directory, TimeProvider.System, NullLoggerFactory.Instance, default)
            : await UsageStore.OpenAsync(node.Directory, TimeProvider.System, NullLoggerFactory.Instance, default);
        await Eventually.TrueAsync(() => Task.FromResult(((NetBird.ControlPlane.Usage.Journalling.UsageJournal)store.Journal).Backlog == 0), 60);
        var rows = new Dictionary<string, UsageRecord>(StringComparer.Ordinal);
        await foreach (var row in store.Ledger.EnumerateAsync(new() { Allowed = true }, default))
        {
            if (row.SessionId?.StartsWith("gone-", StringComparison.Ordinal) == true)
            {
                Assert.True(rows.TryAdd(row.SessionId, row), $"{row.SessionId} is there twice");
            }
        }

        var billed = upstream.Ledger.Entries;
        Assert.True(billed.Count >= answered, $"{billed.Count} billed, {answered} answered");
        Assert.Equal(billed.Count, rows.Count);
        foreach (var entry in billed)
        {
            var row = rows[entry.SessionId!];
            Assert.Equal(
                (Completeness.Complete, new TokenUsage(entry.InputTokens, entry.OutputTokens)), (row.Completeness, row.Usage.Tokens));
        }

        Assert.Empty(await store.Ledger.VerifyAsync(default));
    }

    /// <summary>One after another, as a person works; each with a session of its own, by which rows and entries are matched.</summary>
    private static async Task AskOnAsync(NodeProcess node, int caller, ConcurrentBag<Asked> asked, CancellationToken stop)
    {
        using var client = ChaosCaller.Client(new($"http://127.0.0.1:{node.Port}"), GatewayNode.AddressOf(caller));
        for (var i = 0; !stop.IsCancellationRequested; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/messages")
            {
                Headers = { { "anthropic-version", "2023-06-01" }, { "x-api-key", "-" }, { "X-Claude-Code-Session-Id", $"gone-{caller}-{i}" } },
                Content = new StringContent(
                    $$"""{"model":"claude-opus-5-5","max_tokens":400,"stream":{{(i % 2 == 0 ? "true" : "false")}},"messages":[{"role":"user","content":"{{caller}} {{i}}"}]}""",
                    Encoding.UTF8, "application/json"),
            };
            var began = Stopwatch.GetTimestamp();
            using var response = await client.SendAsync(request, CancellationToken.None);
            var body = await response.Content.ReadAsByteArrayAsync(CancellationToken.None);
            var error = response.IsSuccessStatusCode ? "" : JsonDocument.Parse(body).RootElement.GetProperty("error").GetProperty("type").GetString()!;
            asked.Add(new((int)response.StatusCode, error, response.Headers.RetryAfter?.ToString() ?? "", began, Stopwatch.GetTimestamp()));
            await Task.Delay(response.IsSuccessStatusCode ? 5 : 50, CancellationToken.None);
        }
    }

    private sealed record Asked(int Status, string Error, string RetryAfter, long Began, long Ended);
}
