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
        await Eventually.TrueAsync(IsSettledAsync, seconds: 10);

        // The pool may still have a connection from before.
        async Task<bool> IsSettledAsync()
        {
            try
            {
                return await CountedAsync(cap) == (22, 0);
            }
            catch (IOException)
            {
                return false;
            }
        }
    }

    /// <summary>
    /// Results that were read and could not be settled are rows of their own: the row of the reading charges them. Warnings look at what a row has charged.
    /// </summary>
    [SkippableFact]
    public async Task Settle_OfABatchReadWhileTheDatabaseIsGone_ChargesItsResultsWithItsRow()
    {
        Skip.If(cluster.Missing is not null, cluster.Missing);
        var cap = NewCap(1_000_000);
        var id = RequestId.New();
        await ReserveAsync(Node(0), id.Value, new(RequestKind.Batches, "", false, null, 0), Under(cap));
        await _nodes[0].Store.Journal.BeginAsync(Rows.Row(1) with { Id = id, Kind = RequestKind.Batches, Usage = default, Cost = default, Timestamp = DateTimeOffset.UtcNow }, default);
        var result = Rows.Row(1) with { Id = new("batch-" + id.Value), Kind = RequestKind.BatchResult, Timestamp = DateTimeOffset.UtcNow };
        Assert.Single(await _nodes[0].Store.Journal.CompleteOnceAsync([result], default));
        _nodes[0].Store.Charged.Take();
        cluster.Stop();
        try
        {
            await Assert.ThrowsAsync<IOException>(async () => await Node(0).SettleAsync(id, new(result.Usage.Tokens), result.Cost));
            await _nodes[0].Store.Journal.CompleteAsync(result with { Id = id, Kind = RequestKind.Batches, Usage = default, Cost = default });
        }
        finally
        {
            cluster.Start();
        }

        await Eventually.TrueAsync(async () => !await RefusesAsync(_nodes[0].Store), seconds: 20);
        await Eventually.TrueAsync(() => Task.FromResult(_nodes[0].Store.Charged.Take().Contains(cap.Counter)), seconds: 20);
        await Eventually.TrueAsync(async () =>
        {
            try
            {
                return await CountedAsync(cap) == (15, 0);
            }
            catch (IOException)
            {
                return false; // the pool may still have a connection from before
            }
        }, seconds: 20);
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
