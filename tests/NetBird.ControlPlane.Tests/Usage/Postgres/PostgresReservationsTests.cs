using Microsoft.Extensions.Logging.Abstractions;
using NetBird.ControlPlane.Usage;
using NetBird.ControlPlane.Usage.Postgres;
using NetBird.ControlPlane.Usage.Warnings;
using NetBird.Gateway.Authorization;
using NetBird.Gateway.Metering;
using NetBird.Policy;
using NetBird.Policy.Limits;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Tests.Usage.Postgres;

/// <summary>The same contract over a real PostgreSQL, with three nodes.</summary>
public sealed class PostgresReservationsTests(PostgresCluster cluster) : ReservationsContract, IClassFixture<PostgresCluster>, IAsyncLifetime
{
    private readonly List<(Scratch State, UsageStore Store)> _nodes = [];

    protected override int Nodes => 3;

    /// <summary>A run takes a second and more; all hundred of them with <c>tests/run.sh --long</c>.</summary>
    protected override int ConcurrencyRuns => Environment.GetEnvironmentVariable("NETBIRD_LONG") == "1" ? 100 : 3;

    public async Task InitializeAsync()
    {
        if (cluster.Missing is null)
        {
            for (var i = 0; i < Nodes; i++)
            {
                _nodes.Add(await OpenAsync(new Scratch()));
            }
        }
    }

    public async Task DisposeAsync()
    {
        foreach (var (state, store) in _nodes)
        {
            await store.DisposeAsync();
            state.Dispose();
        }
    }

    internal override IReservations Node(int number)
    {
        Skip.If(cluster.Missing is not null, cluster.Missing);
        return _nodes[number].Store.Reservations;
    }

    internal override PolicySource Policies(int node) => _nodes[node].Store.Policies;

    private protected override async Task<CounterReading> ReadAsync(Cap cap) => (await Node(1).ReadNowAsync([cap], default))[0];

    [SkippableFact]
    public async Task Reserve_CapReached_FreesUpExactlyWhenTheWindowSays()
    {
        var cap = NewCap(500, strict: true, seconds: 2);
        var id = Id();
        await ReserveAsync(Node(0), id, Request(), Under(cap));
        await Node(1).SettleAsync(new(id), new(new TokenUsage(300, 0)), default);

        var full = Assert.IsType<ReserveOutcome.Full>(await ReserveAsync(Node(2), Id(), Request(), Under(cap)));

        Assert.InRange(full.RetryAt!.Value - DateTimeOffset.UtcNow, TimeSpan.Zero, TimeSpan.FromSeconds(2.1));
        await Task.Delay(full.RetryAt.Value - DateTimeOffset.UtcNow + TimeSpan.FromMilliseconds(5));
        Assert.IsType<ReserveOutcome.Granted>(await ReserveAsync(Node(0), Id(), Request(), Under(cap)));
    }

    /// <summary>A warning that was decided by what a header had been told a moment before was never sent.</summary>
    [SkippableFact]
    public async Task ReadNow_RightAfterASettlement_CountsIt_WhateverIsRemembered()
    {
        var cap = NewCap(1_000, strict: false, seconds: 3600);
        var watched = new WatchedReservations(Node(0), new());
        var id = Id();
        await ReserveAsync(watched, id, Request(), Under(cap));
        await watched.ReadAsync([cap], default);

        await watched.SettleAsync(new(id), new(new TokenUsage(900, 0)), default);

        Assert.Equal(900, Assert.Single(await watched.ReadNowAsync([cap], default)).Used);
    }

    [SkippableFact]
    public async Task Reserve_CounterMetFirst_IsBuiltFromEveryNodesRows()
    {
        Skip.If(cluster.Missing is not null, cluster.Missing);
        var policy = RequestId.New().Value;
        var group = RequestId.New().Value;
        for (var node = 0; node < 3; node++)
        {
            await _nodes[node].Store.Journal.CompleteAsync(Rows.Row(node, "ann", group) with
            {
                Id = RequestId.New(), Policy = new(policy), Timestamp = DateTimeOffset.UtcNow.AddMinutes(-10), Duration = TimeSpan.FromSeconds(1),
            });
        }

        await Eventually.TrueAsync(
            async () => (await _nodes[0].Store.Ledger.QueryAsync(new() { Policy = new(policy) }, default)).TotalRecords == 3);
        Cap Of(CapScope scope, string subject, bool rule, CapUnit unit = CapUnit.Tokens) => new(
            new(rule ? RequestId.New().Value : policy, scope, subject, unit, rule), unit, 1_000_000, TimeSpan.FromHours(1), false, "P");

        Assert.Equal(45, (await CountedAsync(Of(CapScope.User, "ann", false))).Used);
        Assert.Equal(45, (await CountedAsync(Of(CapScope.Group, group, false))).Used);
        Assert.Equal(0, (await CountedAsync(Of(CapScope.Group, "other", false))).Used);
        Assert.Equal(45, (await CountedAsync(Of(CapScope.Group, group, true))).Used);
        Assert.Equal(3 * 140_000, (await CountedAsync(Of(CapScope.Group, group, true, CapUnit.NanoUsd))).Used);
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Reserve_NodeThatDied_IsChargedWhenItComesBackAndMeanwhileHoldsStrictCapsAlone(bool strict)
    {
        var cap = NewCap(100_000, strict, seconds: 3600);
        Skip.If(cluster.Missing is not null, cluster.Missing);
        using var left = new Scratch();
        var (state, store) = await OpenAsync(new Scratch());
        var id = RequestId.New();
        await ReserveAsync(store.Reservations, id.Value, Request(), Under(cap));
        await store.Journal.BeginAsync(Rows.Row(1) with { Id = id, Usage = new(new TokenUsage(70, 0)), Timestamp = DateTimeOffset.UtcNow }, default);
        CopyAll(state.Path, left.Path);
        await store.DisposeAsync();
        state.Dispose();
        Assert.True((await CountedAsync(cap)).Reserved > 0);

        cluster.Execute($"update usage_nodes set seen = seen - 400000000 where node = '{File.ReadAllText(Path.Combine(left.Path, "usage-node"))}'");
        Assert.Equal((0, strict ? 500 : 0), await CountedAsync(cap));
        var (_, again) = await OpenAsync(left);
        await Eventually.TrueAsync(async () => (await again.Ledger.QueryAsync(new() { From = DateTimeOffset.UtcNow.AddHours(-1) }, default)).Data.Any(r => r.Id == id));
        await again.DisposeAsync();

        Assert.Equal((70, 0), await CountedAsync(cap));
    }

    [SkippableFact]
    public async Task Reserve_DatabaseGone_RefusesWithinASecondAndResumesByItself()
    {
        Skip.If(cluster.Missing is not null, cluster.Missing);
        var cap = NewCap(1_000_000);
        var id = RequestId.New();
        await ReserveAsync(Node(0), id.Value, Request(), Under(cap));
        await _nodes[0].Store.Journal.BeginAsync(Rows.Row(1) with { Id = id }, default);
        cluster.Stop();
        try
        {
            await Assert.ThrowsAsync<IOException>(() => ReserveAsync(Node(0), Id(), Request(), Under(cap)));
            await Eventually.TrueAsync(() => RefusesAsync(_nodes[0].Store), seconds: 1.5);
            await Assert.ThrowsAsync<IOException>(async () => await Node(0).SettleAsync(id, new(new TokenUsage(10, 5)), new(140_000)));
            await _nodes[0].Store.Journal.CompleteAsync(Rows.Row(1) with { Id = UsageRecord.PartId(id, 1), Kind = RequestKind.Part, Usage = new(new TokenUsage(7, 0)), Timestamp = DateTimeOffset.UtcNow });
            await _nodes[0].Store.Journal.CompleteAsync(Rows.Row(1) with { Id = id, Timestamp = DateTimeOffset.UtcNow });
        }
        finally
        {
            cluster.Start();
        }

        await Eventually.TrueAsync(async () => !await RefusesAsync(_nodes[0].Store), seconds: 10);
        await UntilCountedAsync(cap, 22);
    }

    /// <summary>
    /// Results of a batch are charged before they are handed out: what becomes of the database, of the settlement and of the node that read them
    /// afterwards changes nothing, and to read them again charges nothing.
    /// </summary>
    [SkippableFact]
    public async Task CompleteOnce_ByANodeThatDiesWhileTheDatabaseIsGone_HasChargedTheResultsOnce()
    {
        Skip.If(cluster.Missing is not null, cluster.Missing);
        var (tokens, money) = (NewCap(1_000_000), NewCap(1_000_000_000, unit: CapUnit.NanoUsd));
        var (id, results) = (RequestId.New(), new List<UsageRecord>());
        for (var i = 0; i < 3; i++)
        {
            results.Add(Rows.Row(i) with { Id = new($"batch-{id.Value}-{i}"), Kind = RequestKind.BatchResult, Timestamp = DateTimeOffset.UtcNow });
        }

        using var left = new Scratch();
        var (state, store) = await OpenAsync(new Scratch());
        await ReserveAsync(store.Reservations, id.Value, Reading, Under(tokens, money));
        await store.Journal.BeginAsync(AsReading(id), default);
        Assert.Equal(2, (await store.Journal.CompleteOnceAsync(id, results[..2], default)).Count);
        Assert.Equal((30, 0), await CountedAsync(tokens));
        Assert.Equal((280_000, 0), await CountedAsync(money));
        cluster.Stop();
        try
        {
            await Assert.ThrowsAsync<IOException>(async () => await store.Reservations.SettleAsync(id, new(new TokenUsage(20, 10)), new(280_000)));
            CopyAll(state.Path, left.Path);
            await store.DisposeAsync();
            state.Dispose();
        }
        finally
        {
            cluster.Start();
        }

        var (_, again) = await OpenAsync(left);
        await Eventually.TrueAsync(async () => (await again.Ledger.QueryAsync(new() { From = DateTimeOffset.UtcNow.AddHours(-1) }, default)).Data.Count(row => row.Id.Value.Contains(id.Value, StringComparison.Ordinal)) == 3, seconds: 20);
        var next = RequestId.New();
        await ReserveAsync(again.Reservations, next.Value, Reading, Under(tokens, money));
        await again.Journal.BeginAsync(AsReading(next), default);
        Assert.Equal([results[2].Id], (await again.Journal.CompleteOnceAsync(next, results, default)).Select(row => row.Id));
        await again.Reservations.SettleAsync(next, new(new TokenUsage(10, 5)), new(140_000));
        await again.DisposeAsync();

        await UntilCountedAsync(tokens, 45);
        await UntilCountedAsync(money, 420_000);

        UsageRecord AsReading(RequestId reading) => Rows.Row(1) with { Id = reading, Kind = RequestKind.Batches, Usage = default, Cost = default, Timestamp = DateTimeOffset.UtcNow };
    }

    /// <summary>A node claims results and dies before it records them: they are charged, and whoever reads them next records them alone.</summary>
    [SkippableFact]
    public async Task CompleteOnce_ClaimedByANodeThatDied_RecordsThemAndChargesNothingAgain()
    {
        var cap = NewCap(1_000_000);
        var result = Rows.Row(1) with { Id = new("batch-" + Id()), Kind = RequestKind.BatchResult, Timestamp = DateTimeOffset.UtcNow };
        var (first, second) = (Id(), Id());
        await ReserveAsync(Node(0), first, Reading, Under(cap));
        await ReserveAsync(Node(1), second, Reading, Under(cap));
        Assert.Single(await _nodes[0].Store.Ledger.ClaimResultsAsync(new(first), [result], default));
        Assert.Empty(await _nodes[1].Store.Journal.CompleteOnceAsync(new(second), [result], default));
        cluster.Execute($"update usage_results set node = 'dead' where id = '{result.Id.Value}'");

        Assert.Single(await _nodes[1].Store.Journal.CompleteOnceAsync(new(second), [result], default));

        Assert.Equal((15, 0), await CountedAsync(cap));
    }

    /// <summary>Without a cap nothing asks the database before a request goes out: the journal looks, also for the first after a while.</summary>
    [SkippableFact]
    public async Task Begin_DatabaseGoneWhileNobodyAsked_RefusesTheFirst()
    {
        Skip.If(cluster.Missing is not null, cluster.Missing);
        Assert.False(await RefusesAsync(_nodes[0].Store));
        await _nodes[1].Store.Journal.CompleteAsync(Rows.Row(1) with { Id = RequestId.New() });
        await Task.Delay(1_500);
        cluster.Stop();
        try
        {
            Assert.True(await RefusesAsync(_nodes[1].Store));
        }
        finally
        {
            cluster.Start();
        }

        await Eventually.TrueAsync(async () => !await RefusesAsync(_nodes[1].Store), seconds: 20);
    }

    private Task UntilCountedAsync(Cap cap, long used) => Eventually.TrueAsync(
        async () =>
        {
            try
            {
                return await CountedAsync(cap) == (used, 0);
            }
            catch (IOException)
            {
                return false; // the pool may still have a connection from before
            }
        },
        seconds: 20);

    private static ModelRequest Reading => new(RequestKind.Batches, "", false, null, 0);

    private async Task<(Scratch State, UsageStore Store)> OpenAsync(Scratch state)
        => (state, await UsageStore.OpenPostgresAsync(cluster.ConnectionString, state.Path, TimeProvider.System, NullLoggerFactory.Instance, default));

    private static async Task<bool> RefusesAsync(UsageStore store)
    {
        try
        {
            await store.Journal.BeginAsync(Rows.Row(9) with { Id = RequestId.New() }, default);
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }

    private static void CopyAll(string from, string to)
    {
        foreach (var file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }
}
