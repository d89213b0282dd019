using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using NetBird.ControlPlane.Usage;
using NetBird.Gateway.Authorization;
using NetBird.Gateway.Metering;
using NetBird.Policy;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace Benchmarks.Policy;

/// <summary>
/// A decision with its reservation and settlement, as every request makes them, and how many rows a second the ledger makes durable.
/// </summary>
internal static class PolicyTopic
{
    private static readonly DateTimeOffset Noon = new(2026, 11, 26, 12, 0, 0, TimeSpan.Zero);

    public static async Task<int> RunAsync(string[] args)
    {
        var rows = args is ["--rows", var number, ..] ? int.Parse(number, CultureInfo.InvariantCulture) : 200_000;
        Console.WriteLine($"load {await File.ReadAllTextAsync("/proc/loadavg")}");
        await DecideAsync(policies: 1, people: 1);
        await DecideAsync(policies: 20, people: 1_000);
        await WriteRowsAsync(rows);
        return 0;
    }

    /// <summary>Four caps on each request: a person's tokens and dollars, a group's, and a rule's over everything.</summary>
    private static async Task DecideAsync(int policies, int people)
    {
        const int Rounds = 100_000;
        var provider = new ProviderId("anthropic");
        var limits = new PolicyLimits(
            new(1_000_000_000_000, 100_000_000_000, TimeSpan.FromDays(7), Strict: false),
            new(0, 5_000_000 * NanoUsd.PerUsd, TimeSpan.FromDays(30), Strict: true));
        var snapshot = new PolicySnapshot(
            [.. Enumerable.Range(0, policies).Select(i => new AccessPolicy(new($"p{i}"), $"Policy {i}", true, [new GroupId($"g{i}")], [provider], [new("models")], limits))],
            ImmutableDictionary<GuardrailId, Guardrail>.Empty.Add(new("models"), new(new("models"), "Models", ["claude-opus-*", "claude-sonnet-*"], 200_000, null)),
            [new(new("all"), "Everything", true, [], [], new(null, new(9_000_000 * NanoUsd.PerUsd, 0, TimeSpan.FromDays(30), false)))],
            ImmutableDictionary<ProviderId, PolicyProvider>.Empty.Add(provider, new(provider, "Anthropic", [])),
            PriceTable.Default);
        var callers = Enumerable.Range(0, people)
            .Select(i => new Caller(new($"u{i}"), $"u{i}@acme.example", new($"m{i}"), [new GroupId($"g{i % policies}"), new GroupId("all")])).ToArray();
        using var reservations = new InMemoryReservations(
            new RequestPricing(() => snapshot.Prices, new()), (_, _) => [], new LimitMetrics(), new PolicySource(), new(TimeProvider.System), TimeProvider.System);
        var request = new ModelRequest(RequestKind.Messages, "claude-opus-5-5", true, 128_000, 48_000);
        var ids = Enumerable.Range(0, Rounds).Select(_ => RequestId.New()).ToArray();
        // By processor time, which what else runs on the machine hardly touches; the best of five rounds.
        var best = double.MaxValue;
        var bestDecision = double.MaxValue;
        for (var round = 0; round < 5; round++)
        {
            var began = Environment.CpuUsage.TotalTime;
            for (var i = 0; i < Rounds; i++)
            {
                if (PolicyEvaluator.Evaluate(snapshot, callers[i % people], request, Noon) is not PolicyDecision.Allowed)
                {
                    throw new InvalidOperationException("Refused.");
                }
            }

            bestDecision = Math.Min(bestDecision, (Environment.CpuUsage.TotalTime - began).TotalNanoseconds / Rounds);
            began = Environment.CpuUsage.TotalTime;
            for (var i = 0; i < Rounds; i++)
            {
                var allowed = (PolicyDecision.Allowed)PolicyEvaluator.Evaluate(snapshot, callers[i % people], request, Noon);
                await reservations.ReserveAsync(new ReservationRequest(ids[i], callers[i % people], request, allowed.Candidates), CancellationToken.None);
                await reservations.SettleAsync(ids[i], new(new TokenUsage(12_000, 600)), new(60_000_000));
            }

            best = Math.Min(best, (Environment.CpuUsage.TotalTime - began).TotalNanoseconds / Rounds);
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{policies,3} policies, {people,5} people, 4 caps each: decision {bestDecision,6:F0} ns; decision, reservation and settlement {best,6:F0} ns of processor"));
    }

    private static async Task WriteRowsAsync(int rows)
    {
        var directory = Directory.CreateTempSubdirectory("netbird-bench-").FullName;
        try
        {
            await using var store = await UsageStore.OpenAsync(directory, TimeProvider.System, NullLoggerFactory.Instance, CancellationToken.None);
            var began = Stopwatch.GetTimestamp();
            var processor = Environment.CpuUsage.TotalTime;
            for (var i = 0; i < rows; i++)
            {
                var row = new UsageRecord
                {
                    Id = RequestId.New(), Timestamp = DateTimeOffset.UnixEpoch.AddYears(56).AddSeconds(i), User = new($"u{i % 100}"), UserName = "u@acme.example",
                    Groups = [new GroupId("g")], ChargedGroup = new("g"), Policy = new("p"), Provider = new("anthropic"), Kind = RequestKind.Messages,
                    Model = "claude-opus-5-5", SessionId = $"s{i / 200}", StatusCode = 200, Usage = new(new TokenUsage(100, 20, 3000)), Cost = new(1_400_000),
                    Completeness = Completeness.Complete, RequestBytes = 48_000, ResponseBytes = 9_000,
                };
                await store.Journal.BeginAsync(row, CancellationToken.None);
                await store.Journal.CompleteAsync(row);
            }

            var taken = Stopwatch.GetElapsedTime(began);
            while ((await store.Ledger.QueryAsync(new() { PageSize = 1 }, CancellationToken.None)).TotalRecords < rows)
            {
                await Task.Delay(20);
            }

            var all = Stopwatch.GetElapsedTime(began);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{rows} rows begun and ended: {rows / taken.TotalSeconds:F0} a second safe from kill -9, {rows / all.TotalSeconds:F0} a second in the ledger and flushed; {(Environment.CpuUsage.TotalTime - processor).TotalMicroseconds / rows:F1} us of processor a row"));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}
