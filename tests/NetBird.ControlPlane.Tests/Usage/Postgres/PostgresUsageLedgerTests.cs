using Microsoft.Extensions.Logging.Abstractions;
using NetBird.ControlPlane.Usage;
using NetBird.ControlPlane.Usage.Postgres;
using NetBird.Gateway.Metering;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Tests.Usage.Postgres;

public sealed class PostgresUsageLedgerTests(PostgresCluster cluster) : UsageLedgerContract, IClassFixture<PostgresCluster>, IAsyncLifetime
{
    private readonly Scratch _scratch = new();
    private PostgresUsage? _database;
    private PostgresUsageLedger? _ledger;

    private protected override IUsageLedger Ledger
    {
        get
        {
            Skip.If(cluster.Missing is not null, cluster.Missing);
            return _ledger!;
        }
    }

    /// <summary>Whoever changes a sum behind our back is found out, whichever of the three tables it is.</summary>
    [SkippableTheory]
    [InlineData("update usage_rows set cost = cost + 1 where id = 'r7'", "The sums of the hour from 2026-11-24 12:00:00Z")]
    [InlineData("update usage_hours set interrupted = interrupted + 1 where user_id = 'ann'", "hour from 2026-11-24 12:00:00Z")]
    [InlineData("update usage_rollups set output = output + 1 where dimension = 3 and span = 1", "A roll-up of the hour from 2026-11-24 12:00:00Z")]
    [InlineData("update usage_rollups set cost = cost - 1 where dimension = 1 and span = 24 and start > 0", "A roll-up of the day from 2026-11-25 00:00:00Z")]
    [InlineData("delete from usage_rollups where dimension = 4 and span = 1", "A roll-up of the hour")]
    [InlineData("insert into usage_rollups select dimension, span, start, 'x', requests, denied, interrupted, price_unknown, input, output, cache_read, cache_write_5m, cache_write_1h, web_searches, cost from usage_rollups where dimension = 2 and span = 1", "A roll-up of the hour")]
    public async Task Verify_ChangedBehindOurBack_IsFound(string change, string said)
    {
        await AppendAsync([Rows.Row(7), Rows.Row(8, "bob"), Rows.Row(24 * 60)]);
        Assert.Empty(await Ledger.VerifyAsync(default));

        cluster.Execute(change);

        Assert.Contains(await Ledger.VerifyAsync(default), fault => fault.Contains(said, StringComparison.Ordinal));
    }

    /// <summary>What is kept of days is what the second answer is made of; verification reads it, and what changes the day throws it away.</summary>
    [SkippableFact]
    public async Task Overview_AskedTwice_IsToldFromWhatTheFirstKept()
    {
        var query = new OverviewQuery(Rows.Noon.AddDays(-1), Rows.Noon.AddDays(4), Granularity.Day, OverviewKey.User, TimeZoneInfo.FindSystemTimeZoneById("Asia/Kolkata"));
        await AppendAsync([.. Enumerable.Range(0, 60).Select(i => Rows.Row(i * 60))]);
        var first = await Ledger.OverviewAsync(query, default);
        cluster.Execute("update usage_spans set packed = set_byte(packed, 6, get_byte(packed, 6) + 1)"); // how many rows, behind a name of three letters

        var second = await Ledger.OverviewAsync(query, default);

        Assert.Equal(60, first.Sum(row => row.Totals.Requests));
        Assert.Equal(first.Length, second.Length);
        Assert.True(second.Sum(row => row.Totals.Requests) > 60, "Nothing was told from what is kept.");
        Assert.Equal(3, (await Ledger.VerifyAsync(default)).Count(fault => fault.StartsWith("What is kept of the sums by User", StringComparison.Ordinal)));

        // By a node of an older version, as far as this one can tell.
        cluster.Execute("update usage_rollups set cost = cost where span = 1");
        Assert.Equal(first.AsEnumerable(), await Ledger.OverviewAsync(query, default));
        Assert.Empty(await Ledger.VerifyAsync(default));
    }

    /// <summary>Days are asked for at one node while others write to them: no answer is older than the question, and the last is what was written.</summary>
    [SkippableFact]
    public async Task Overview_WhileNodesWrite_LosesNothing()
    {
        _ = Ledger;
        var query = new OverviewQuery(Rows.Noon.AddDays(-40), Rows.Noon.AddDays(1), Granularity.Day, OverviewKey.User, TimeZoneInfo.FindSystemTimeZoneById("Asia/Kolkata"));
        await AppendAsync([Rows.Row(1) with { Id = new("last"), Timestamp = Rows.Noon.AddHours(20) }]);
        using var others = new Scratch();
        var done = 0;
        long written = 1;
        var writers = Enumerable.Range(0, 2).Select(node => Task.Run(async () =>
        {
            var state = Directory.CreateDirectory(Path.Combine(others.Path, $"{node}")).FullName;
            await using var database = await PostgresUsage.OpenAsync(cluster.ConnectionString, state, TimeProvider.System, NullLoggerFactory.Instance, default);
            var ledger = new PostgresUsageLedger(database, new(), new(), TimeProvider.System);
            for (var i = 0; i < 60; i++)
            {
                var rows = Enumerable.Range(0, 40).Select(n => Rows.Row(n, $"u{n % 5}") with { Id = new($"{node}-{i}-{n}"), Timestamp = Rows.Noon.AddMinutes(-((n * 1_399) + i)) });
                await ledger.AppendAsync([.. rows.Select((row, n) => new JournalledRecord((i * 40) + n + 1, row))], default);
                Interlocked.Add(ref written, 40);
            }

            Interlocked.Increment(ref done);
        })).ToArray();

        var asked = 0;
        while (Volatile.Read(ref done) < 2 && !writers.Any(writer => writer.IsFaulted))
        {
            var before = Interlocked.Read(ref written);
            Assert.InRange((await Ledger.OverviewAsync(query, default)).Sum(row => row.Totals.Requests), before, 4_801);
            asked++;
        }

        await Task.WhenAll(writers);
        Assert.True(asked > 3, "Nothing was asked meanwhile.");
        for (var again = 0; again < 2; again++)
        {
            Assert.Equal(4_801, (await Ledger.OverviewAsync(query, default)).Sum(row => row.Totals.Requests));
        }

        Assert.Empty(await Ledger.VerifyAsync(default));
    }

    /// <summary>The server's own upkeep, and whoever restores a dump, look for functions in no schema of ours: an index that needs one would fail there, unseen.</summary>
    [SkippableFact]
    public async Task Analyze_WithoutOurSchemaInTheWay_OfAllTables()
    {
        await AppendAsync([Rows.Row(7) with { SessionId = "s" }]);

        cluster.Execute("set search_path = ''; analyze");

        await Assert.ThrowsAnyAsync<Exception>(() => Task.Run(() => cluster.Execute("set search_path = ''; select usage_session('a', 'b')")));
    }

    /// <summary>Three nodes are asked for the same results at one moment, many times over: each result is recorded and charged by one of them.</summary>
    [SkippableFact]
    public async Task Claim_ThreeNodesAtOneMoment_EachResultIsOneNodes()
    {
        _ = Ledger;
        using var others = new Scratch();
        var stores = new List<UsageStore>();
        foreach (var name in (string[])["a", "b", "c"])
        {
            stores.Add(await UsageStore.OpenPostgresAsync(
                cluster.ConnectionString, Directory.CreateDirectory(Path.Combine(others.Path, name)).FullName, TimeProvider.System, NullLoggerFactory.Instance, default));
        }

        for (var round = 0; round < 20; round++)
        {
            var results = Enumerable.Range(0, 40).Select(i => Result($"{round}-{i}")).ToList();
            var taken = await Task.WhenAll(stores.Select((store, i) => Task.Run(async () => await store.Journal.CompleteOnceAsync(
                RequestId.New(), i == 1 ? [.. results.AsEnumerable().Reverse()] : results, default))));

            Assert.Equal(results.Select(row => row.Id.Value).Order(), taken.SelectMany(rows => rows).Select(row => row.Id.Value).Order());
        }

        foreach (var store in stores)
        {
            await store.DisposeAsync();
        }

        Assert.Equal(800, (await Ledger.QueryAsync(new(), default)).TotalRecords);
        Assert.Empty(await Ledger.VerifyAsync(default));
    }

    /// <summary>A node claimed results and died before it could record them: while it may live they are its own, then the next reader's.</summary>
    [SkippableFact]
    public async Task Claim_ByANodeThatDied_IsTheNextReaders()
    {
        Assert.Single(await Ledger.ClaimResultsAsync(RequestId.New(), [Result("lost")], default));
        using var other = new Scratch();
        await using var store = await UsageStore.OpenPostgresAsync(cluster.ConnectionString, other.Path, TimeProvider.System, NullLoggerFactory.Instance, default);
        Assert.Empty(await store.Journal.CompleteOnceAsync(RequestId.New(), [Result("lost")], default));
        Assert.Single(await Ledger.ClaimResultsAsync(RequestId.New(), [Result("lost")], default));

        // Its sign of life comes every five seconds: here it never does again.
        await _database!.DisposeAsync();
        _database = null;
        cluster.Execute("update usage_nodes set seen = seen - 310000000 where node = (select node from usage_results where id = 'lost')");

        Assert.Single(await store.Journal.CompleteOnceAsync(RequestId.New(), [Result("lost")], default));
    }

    private protected override async Task AsFromBeforeAsync()
    {
        cluster.Execute("truncate usage_facets, usage_session_parts, usage_refusals; delete from usage_rollups where span > 24");
        foreach (var (table, key) in ((string, string)[])[("usage_hours", "h.user_id = coalesce(r.user_id, '') and h.model = r.model and h.groups = array_to_string(r.group_ids, ' ') and h.charged_group = coalesce(r.charged_group, '') and h.policy_id = coalesce(r.policy_id, '') and h.provider_id = coalesce(r.provider_id, '') and h.denied = (r.deny_reason is not null) and h.hour = r.begun / 36000000000"),
            ("usage_rollups", "h.start = r.begun / (36000000000 * h.span) and h.key = case h.dimension when 1 then coalesce(r.user_id, '') when 2 then coalesce(r.charged_group, '') when 3 then r.model else coalesce(r.provider_id, '') end")])
        {
            // As it counted then: every part as one more request.
            cluster.Execute($"update {table} h set interrupted = interrupted + (select count(*) from usage_rows r where {key} and r.kind = 7 and r.completeness = 2) where parts > 0");
        }

        cluster.Execute("alter table usage_hours drop column failed, drop column parts; alter table usage_rollups drop column failed, drop column parts");
        await PostgresUsage.CreateTablesAsync(_database!.Source, default);
    }

    public async Task InitializeAsync()
    {
        if (cluster.Missing is null)
        {
            _database = await PostgresUsage.OpenAsync(
                cluster.ConnectionString, _scratch.Path, TimeProvider.System, NullLoggerFactory.Instance, default);
            _ledger = new(_database, new(), new(), TimeProvider.System);
            cluster.Execute("truncate usage_rows, usage_hours, usage_rollups, usage_sessions, usage_facets, usage_session_parts, usage_refusals, usage_results, usage_meta, usage_spans, usage_touched");
        }
    }

    private static NetBird.Gateway.Metering.UsageRecord Result(string id)
        => Rows.Row(3) with { Id = new(id), Kind = NetBird.Policy.RequestKind.BatchResult };

    public async Task DisposeAsync()
    {
        if (_database is not null)
        {
            await _database.DisposeAsync();
        }

        _scratch.Dispose();
    }
}
