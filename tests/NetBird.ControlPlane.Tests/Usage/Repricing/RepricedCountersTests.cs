using System.Collections.Immutable;
using Microsoft.Extensions.Logging.Abstractions;
using NetBird.ControlPlane.Tests.Usage.Postgres;
using NetBird.ControlPlane.Usage;
using NetBird.Gateway.Authorization;
using NetBird.Gateway.Metering;
using NetBird.Policy;
using NetBird.Policy.Limits;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Tests.Usage.Repricing;

/// <summary>Limits in money count what requests cost now, from the moment they are priced anew: those that counted before, and those that are met later.</summary>
public sealed class RepricedCountersTests(PostgresCluster cluster) : IClassFixture<PostgresCluster>
{
    private static readonly BudgetRuleId Named = new("named");

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Apply_PricesOfRequests_AreInEveryCounterOfMoneyAtOnce(bool shared)
    {
        Skip.If(shared && cluster.Missing is not null, cluster.Missing);
        using var scratch = new Scratch();
        await using var store = await OpenAsync(shared, scratch.Path, "a");
        await using var other = shared ? await OpenAsync(shared, scratch.Path, "b") : null;
        var now = DateTimeOffset.UtcNow;
        var policy = RequestId.New().Value;
        ImmutableArray<Cap> caps =
        [
            NewCap(policy, CapScope.User, "ann", false), NewCap(policy, CapScope.User, "ann", false, CapUnit.Tokens), NewCap(policy, CapScope.User, "bob", false),
            NewCap(policy, CapScope.Group, "eng", false), NewCap(policy, CapScope.Account, "", false), NewCap(policy, CapScope.Account, "", false, CapUnit.Tokens),
            NewCap("everyone", CapScope.Account, "", true), NewCap("named", CapScope.Account, "", true), NewCap("groups", CapScope.Group, "night", true),
            NewCap("people", CapScope.User, "ann", true), NewCap("short", CapScope.User, "ann", true, seconds: 3600),
        ];
        foreach (var node in (UsageStore?[])[store, other])
        {
            node?.Policies.Follow(() => With(new BudgetRule(Named, "Named", true, [], [new("bob"), new("cyd")], new(null, null))));
        }

        // Some are counted as they are settled, and the others, of the last days, when their counters are first met.
        var rows = new List<UsageRecord>();
        for (var i = 0; i < 30; i++)
        {
            rows.Add(Rows.Row(i, i % 3 == 0 ? "bob" : "ann", i % 5 == 0 ? "ops" : "eng") with
            {
                Id = RequestId.New(), Policy = new(policy), Groups = [new("eng"), new(i % 2 == 0 ? "night" : "day")], Timestamp = now.AddHours(-7 * i).AddMinutes(-9), Cost = new(100_000 + i),
            });
        }

        await RecordAsync(store, rows);
        await store.Reservations.ReadNowAsync(caps, default);
        foreach (var user in (string[])["ann", "bob"])
        {
            var row = Rows.Row(0, user) with { Id = RequestId.New(), Policy = new(policy), Groups = [new("eng"), new("night")], Timestamp = DateTimeOffset.UtcNow, Duration = default, Cost = new(7_000) };
            var under = new Candidate(new(policy), "Policy", new("eng"), new("anthropic"), [.. caps.Where(cap => Counts(cap.Counter, row))]);
            await store.Reservations.ReserveAsync(
                new(row.Id, new(row.User!.Value, row.UserName, new("peer"), [.. row.Groups]), new(RequestKind.Messages, row.Model, false, 100, 400), [under]), default);
            await store.Reservations.SettleAsync(row.Id, row.Usage, row.Cost);
            await RecordAsync(store, [row]);
            rows.Add(row);
        }

        await AssertCountedAsync();

        // Dearer, then cheaper than at first.
        foreach (var price in (Func<long, long>[])[cost => (cost * 3) + 1, cost => cost / 7])
        {
            await store.Ledger.RepriceAsync(new() { Policy = new(policy) }, row => new(new(price(row.Cost.Value)), row.PriceUnknown), apply: true, default);
            rows = rows.ConvertAll(row => row with { Cost = new(price(row.Cost.Value)) });
            await AssertCountedAsync();
        }

        caps = [NewCap("later", CapScope.User, "ann", true), NewCap("later", CapScope.Account, "", true)];
        await AssertCountedAsync();

        async Task AssertCountedAsync()
        {
            foreach (var node in (UsageStore?[])[store, other])
            {
                if (node is not null)
                {
                    Assert.Equal(
                        caps.Select(cap => $"{cap.Counter}: {rows.Where(row => Counts(cap.Counter, row) && row.Timestamp > now - cap.Window).Sum(row => cap.Unit is CapUnit.Tokens ? row.Usage.Tokens.Total : row.Cost.Value)}"),
                        (await node.Reservations.ReadNowAsync(caps, default)).Select(reading => $"{reading.Cap.Counter}: {reading.Used}"));
                }
            }
        }
    }

    /// <summary>Requests come and end at every node while prices change again and again: none is refused or left out, and the counters are what the ledger says.</summary>
    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Apply_WhileRequestsGoOn_CountersAreWhatTheLedgerSays(bool shared)
    {
        Skip.If(shared && cluster.Missing is not null, cluster.Missing);
        using var scratch = new Scratch();
        await using var store = await OpenAsync(shared, scratch.Path, "a");
        await using var other = shared ? await OpenAsync(shared, scratch.Path, "b") : null;
        var policy = RequestId.New().Value;
        var query = new UsageQuery { Policy = new(policy), PageSize = 1000 };
        ImmutableArray<Cap> caps = [NewCap(policy, CapScope.User, "ann", false), NewCap(policy, CapScope.Group, "eng", false), NewCap(policy, CapScope.Account, "", false)];
        var under = new Candidate(new(policy), "Policy", new("eng"), new("anthropic"), caps);
        var callers = Enumerable.Range(0, 4).Select(caller => Task.Run(async () =>
        {
            var node = caller % 2 == 1 && other is not null ? other : store;
            for (var i = 0; i < 60; i++)
            {
                var row = Rows.Row(i) with { Id = RequestId.New(), Policy = new(policy), Timestamp = DateTimeOffset.UtcNow, Duration = default, Cost = new(5_000 + i) };
                Assert.IsType<ReserveOutcome.Granted>(await node.Reservations.ReserveAsync(
                    new(row.Id, new(row.User!.Value, row.UserName, new("peer"), [.. row.Groups]), new(RequestKind.Messages, row.Model, false, 100, 400), [under]), default));
                await node.Reservations.SettleAsync(row.Id, row.Usage, row.Cost);
                await node.Journal.CompleteAsync(row);
            }
        })).ToList();

        for (var round = 1; callers.Exists(caller => !caller.IsCompleted); round++)
        {
            await store.Ledger.RepriceAsync(query, row => new(new((row.Cost.Value % 5_000) + (round * 1_000_000)), false), apply: true, default);

            // Met now for the first time, while the others are told.
            await store.Reservations.ReadNowAsync([NewCap($"{policy}{round}", CapScope.User, "ann", true)], default);
        }

        await Task.WhenAll(callers);
        await Eventually.TrueAsync(async () => (await store.Ledger.QueryAsync(query, default)).TotalRecords == 240);
        await store.Ledger.RepriceAsync(query, row => new(new(row.Cost.Value + 3), false), apply: true, default);

        var cost = (await store.Ledger.QueryAsync(query, default)).Data.Sum(row => row.Cost.Value);
        Assert.All(await store.Reservations.ReadNowAsync(caps, default), reading => Assert.Equal((cost, 0), (reading.Used, reading.Reserved)));
    }

    private static bool Counts(CounterKey counter, UsageRecord row) => (counter.FromRule || counter.Source == row.Policy?.Value) && counter.Scope switch
    {
        CapScope.User => row.User?.Value == counter.Subject,
        CapScope.Group when counter.FromRule => row.Groups.Contains(new(counter.Subject)),
        CapScope.Group => row.ChargedGroup?.Value == counter.Subject,
        _ => !counter.FromRule || counter.Source != "named" || row.User?.Value is "bob" or "cyd",
    };

    private static Cap NewCap(string source, CapScope scope, string subject, bool rule, CapUnit unit = CapUnit.NanoUsd, int seconds = 30 * 86_400)
        => new(new(source, scope, subject, unit, rule), unit, 1_000_000_000_000_000, TimeSpan.FromSeconds(seconds), false, "Policy");

    private static PolicySnapshot With(BudgetRule rule) => ChargeHistoryTests.PolicySnapshotWith(rule);

    private static async Task RecordAsync(UsageStore store, List<UsageRecord> rows)
    {
        foreach (var row in rows)
        {
            await store.Journal.CompleteAsync(row);
        }

        await Eventually.TrueAsync(async () => (await store.Ledger.QueryAsync(new() { Policy = rows[0].Policy, PageSize = 1000 }, default)).Data.Select(row => row.Id).Intersect(rows.Select(row => row.Id)).Count() == rows.Count);
    }

    private async Task<UsageStore> OpenAsync(bool shared, string folder, string name)
    {
        var state = Directory.CreateDirectory(Path.Combine(folder, name)).FullName;
        return shared
            ? await UsageStore.OpenPostgresAsync(cluster.ConnectionString, state, TimeProvider.System, NullLoggerFactory.Instance, default)
            : await UsageStore.OpenAsync(state, TimeProvider.System, NullLoggerFactory.Instance, default);
    }
}
