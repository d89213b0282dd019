using CsCheck;
using NetBird.ControlPlane.Usage;
using NetBird.Gateway.Metering;
using NetBird.Primitives;
using NetBird.Policy;

namespace NetBird.ControlPlane.Tests.Usage;

/// <summary>What every implementation of <see cref="IUsageLedger"/> answers, against plain lists. Each test has a ledger of its own.</summary>
public abstract partial class UsageLedgerContract
{
    private protected abstract IUsageLedger Ledger { get; }

    /// <summary>As a restart: what is in memory is read anew.</summary>
    private protected virtual Task ReopenAsync() => Task.CompletedTask;

    /// <summary>The store as a version wrote it that did not keep yet what sessions were active with, opened again.</summary>
    private protected abstract Task AsFromBeforeAsync();

    [SkippableFact]
    public async Task Append_TheSameTwice_AddsItOnce()
    {
        await AppendAsync([Rows.Row(1), Rows.Row(2)]);
        await Ledger.AppendAsync([new(2, Rows.Row(2)), new(3, Rows.Row(3))], default);

        var page = await Ledger.QueryAsync(new(), default);

        Assert.Equal(3, page.TotalRecords);
        Assert.Equal(["r3", "r2", "r1"], page.Data.Select(row => row.Id.Value));
        Assert.Empty(await Ledger.VerifyAsync(default));
    }

    [SkippableFact]
    public async Task Query_AnyRowsAndFilters_AgreesWithAList()
    {
        var rows = Rows.Many(1_500);
        foreach (var batch in rows.Chunk(97))
        {
            await AppendAsync(batch);
        }

        await ReopenAsync();
        foreach (var pick in Enumerable.Range(0, 60))
        {
            var like = rows[pick * 20];
            var query = new UsageQuery
            {
                User = pick % 2 == 0 ? like.User : null,
                Group = pick % 3 == 0 && like.Groups.Length > 0 ? like.Groups[0] : null,
                Model = pick % 5 == 0 ? like.Model : null,
                Provider = pick % 7 == 0 ? like.Provider : null,
                Session = pick % 11 == 0 ? like.SessionId : null,
                Allowed = pick % 4 == 0 ? like.DenyReason is null : null,
                Refusal = pick % 8 is 1 or 4 ? like.DenyText?[5..8].ToUpperInvariant() : null,
                From = pick % 6 == 0 ? like.Timestamp.AddDays(-100) : null,
                To = pick % 9 == 0 ? like.Timestamp.AddDays(50) : null,
                Page = 1 + (pick % 3),
                PageSize = 7,
            };
            var expected = rows.Where(query.Matches).OrderByDescending(row => row.Timestamp).ThenBy(row => row.Id.Value, StringComparer.Ordinal).ToList();

            var page = await Ledger.QueryAsync(query, default);

            Assert.Equal(expected.Count, page.TotalRecords);
            Assert.Equal(expected.Skip((query.Page - 1) * 7).Take(7).Select(r => r.Id), page.Data.Select(r => r.Id));
            var all = new List<UsageRecord>();
            await foreach (var row in Ledger.EnumerateAsync(query, default))
            {
                all.Add(row);
            }

            Assert.Equal(expected.Select(r => r.Id), all.Select(r => r.Id));
        }

        Assert.Empty(await Ledger.VerifyAsync(default));
    }

    [SkippableFact]
    public async Task Sessions_AnyFilters_AgreeWithAList()
    {
        var rows = Sessions();
        foreach (var batch in rows.Chunk(211))
        {
            await AppendAsync(batch);
        }

        await ReopenAsync();
        await AssertSessionsAgreeAsync(rows);
    }

    [SkippableFact]
    public async Task Sessions_OfALedgerFromBeforeTheirPartsWereKept_AgreeWithAList()
    {
        var rows = Sessions();
        await AppendAsync(rows.Take(1_400));
        await AsFromBeforeAsync();
        await AppendAsync(rows.Skip(1_400));

        await AssertSessionsAgreeAsync(rows);
        Assert.Empty(await Ledger.VerifyAsync(default));
    }

    /// <summary>What an advisor or a compaction cost is a row of its own: listed, counted as a row and summed, but no request that anybody made.</summary>
    [SkippableFact]
    public async Task Overview_RowsOfParts_AreNoRequests()
    {
        var request = Rows.Row(1) with { Completeness = Completeness.Interrupted, SessionId = "s" };
        var result = Rows.Row(2) with { Id = new("batch-x"), Kind = RequestKind.BatchResult, SessionId = "s" };
        await AppendAsync([
            request, request with { Id = UsageRecord.PartId(request.Id, 1), Kind = RequestKind.Part }, result, result with { Id = UsageRecord.PartId(result.Id, 1) },
        ]);
        await ReopenAsync();
        var whole = new OverviewQuery(Rows.Noon.AddDays(-2), Rows.Noon.AddDays(2), Granularity.Whole, OverviewKey.User, TimeZoneInfo.Utc);

        foreach (var query in (OverviewQuery[])[whole, whole with { GroupBy = OverviewKey.Model, Granularity = Granularity.Day }, whole with { From = Rows.Noon.AddMinutes(-90), To = Rows.Noon.AddMinutes(90) }])
        {
            var totals = (await Ledger.OverviewAsync(query, default)).Aggregate(default(UsageTotals), (sum, row) => sum + row.Totals);
            Assert.Equal((2, 2, 1, 4 * 15), (totals.Requests, totals.Parts, totals.Interrupted, totals.Tokens.Total));
        }

        Assert.Equal(4, (await Ledger.QueryAsync(new(), default)).TotalRecords);
        var session = Assert.Single((await Ledger.SessionsAsync(new(), default)).Data);
        Assert.Equal((2, 4 * 15), (session.Totals.Requests, session.Totals.Tokens.Total));
        Assert.Empty(await Ledger.VerifyAsync(default));
    }

    [SkippableFact]
    public async Task Retain_OldRows_AreInNoSession()
    {
        var rows = Sessions();
        await AppendAsync(rows);
        var cut = Rows.Noon.AddHours(-20);
        await Ledger.RetainAsync(cut, Rows.Noon.AddDays(-500), _ => { }, default);
        await ReopenAsync();

        await AssertSessionsAgreeAsync(rows.FindAll(row => row.Timestamp >= cut), rows);
    }

    /// <summary>Rows of all kinds, a third of them in a few long sessions of two people with requests of every facet.</summary>
    private static List<UsageRecord> Sessions() => [.. Rows.Many(1_500).Select((row, i) => i % 3 != 0 ? row : row with
    {
        SessionId = $"s{i % 23}", User = new($"u{i % 2}"), Timestamp = Rows.Noon.AddMinutes(-(i * 7 % 4_000)), Model = $"m{i % 4}",
        Groups = [new($"g{i % 5}"), new("all")], Policy = new($"p{i % 3}"), Provider = new($"v{i % 2}"),
    })];

    private async Task AssertSessionsAgreeAsync(List<UsageRecord> rows, List<UsageRecord>? likes = null)
    {
        likes ??= rows;
        foreach (var pick in Enumerable.Range(0, 120))
        {
            var like = likes[pick * 12];
            var query = new UsageQuery
            {
                User = pick % 4 == 0 ? like.User : null,
                Group = pick % 3 == 0 && like.Groups.Length > 0 ? like.Groups[^1] : null,
                Model = pick % 5 == 0 ? like.Model : null,
                Provider = pick % 7 == 2 ? like.Provider : null,
                Policy = pick % 9 == 4 ? like.Policy : null,
                Allowed = pick % 5 == 3 ? like.DenyReason is null : null,
                Session = pick % 11 == 0 ? like.SessionId : null,
                Refusal = pick % 8 == 3 ? like.DenyText?[5..8].ToUpperInvariant() : null,
                From = pick % 4 == 1 ? like.Timestamp.AddDays(-1 - (pick % 40)) : null,
                To = (pick % 6) switch { 1 => like.Timestamp.AddHours(pick), 5 => new DateTimeOffset(like.Timestamp.Date, TimeSpan.Zero), _ => null },
                Page = 1 + (pick % 2),
                PageSize = 9,
            };
            var expected = rows.Where(query.Matches).Where(row => row.SessionId is { Length: > 0 }).GroupBy(row => (SessionId: row.SessionId!, row.User)) // where it has one
                .Select(session => (session.Key, Last: session.Max(row => row.Timestamp), Sum: Sum(session)))
                .OrderByDescending(session => session.Last).ThenBy(session => session.Key.SessionId, StringComparer.Ordinal).ToList();

            var page = await Ledger.SessionsAsync(query, default);

            Assert.Equal(expected.Skip((query.Page - 1) * 9).Take(9), page.Data.Select(session => ((session.SessionId, session.User), session.LastAt, session.Totals)));
            Assert.Equal(expected.Count, page.TotalRecords);
        }
    }

    [SkippableTheory]
    [InlineData("UTC")]
    [InlineData("Asia/Kathmandu")]
    [InlineData("America/New_York")]
    [InlineData("Australia/Lord_Howe")]
    [InlineData("Europe/Berlin")]
    [InlineData("Asia/Kolkata")]
    [InlineData("Asia/Tokyo")]
    public async Task Overview_AnyZoneAndGranularity_AddsUpToTheRows(string zoneId)
    {
        var zone = TimeZoneInfo.FindSystemTimeZoneById(zoneId);
        var rows = Rows.Many(1_200);
        await AppendAsync(rows);
        foreach (var granularity in Enum.GetValues<Granularity>())
        {
            foreach (var by in Enum.GetValues<OverviewKey>())
            {
                var from = Rows.Noon.AddDays(granularity == Granularity.Hour ? -20 : -200).AddMinutes(17);
                var to = Rows.Noon.AddDays(-3).AddMinutes(41);

                // The second is told from what the first left, in a store that keeps that.
                var overview = await Ledger.OverviewAsync(new(from, to, granularity, by, zone), default);
                Assert.Equal(overview.AsEnumerable(), await Ledger.OverviewAsync(new(from, to, granularity, by, zone), default));
                foreach (var only in overview.Select(row => row.Key).Distinct().Take(2).Append("nobody's"))
                {
                    Assert.Equal(
                        overview.Where(row => row.Key == only), await Ledger.OverviewAsync(new(from, to, granularity, by, zone, [only]), default));
                }

                var within = rows.Where(row => row.Timestamp >= from && row.Timestamp < to).ToList();
                Assert.Equal(Sum(within), overview.Aggregate(default(UsageTotals), (sum, row) => sum + row.Totals));
                foreach (var row in overview)
                {
                    var expected = within.Where(r => r.Timestamp >= row.Start && r.Timestamp < row.End && KeyOf(r, by) == row.Key);
                    Assert.Equal(Sum(expected), row.Totals);
                    var local = TimeZoneInfo.ConvertTime(row.Start, zone);
                    Assert.True(granularity switch
                    {
                        Granularity.Hour => local.Minute == 0 || zoneId == "Australia/Lord_Howe",
                        Granularity.Week => local.DayOfWeek == DayOfWeek.Monday && local.TimeOfDay == default,
                        Granularity.Month => local is { Day: 1, Hour: 0 },
                        Granularity.Whole => (row.Start, row.End) == (from, to),
                        _ => local.TimeOfDay == default,
                    });
                }
            }
        }
    }

    /// <summary>Late rows, prices and retention, each after the days were asked for: what a store keeps of answers is never told once it is wrong.</summary>
    [SkippableTheory]
    [InlineData("UTC")]
    [InlineData("Asia/Kolkata")]
    [InlineData("America/St_Johns")]
    public async Task Overview_AskedAgainAfterEveryChange_IsWhatTheRowsSay(string zoneId)
    {
        // 100 days with a request about every 70 minutes: most hours have one, on either side of a zone's midnights.
        var rows = Enumerable.Range(0, 2_000).Select(i => Rows.Row(i, user: $"u{i % 3}") with { Timestamp = Rows.Noon.AddMinutes(-70 * i) }).ToList();
        var zone = TimeZoneInfo.FindSystemTimeZoneById(zoneId);
        await AppendAsync(rows);
        await AssertToldAsync(DateTimeOffset.MinValue);

        for (var day = 1; day < 60; day += 19)
        {
            rows.Add(Rows.Row(9_000 + day) with { Timestamp = Rows.Noon.AddDays(-day).AddMinutes(31) });
            await AppendAsync([rows[^1]]);
            await AssertToldAsync(DateTimeOffset.MinValue);
        }

        var query = new UsageQuery { From = Rows.Noon.AddDays(-50), To = Rows.Noon.AddDays(-31) };
        await Ledger.RepriceAsync(query, row => new(new(row.Cost.Value + 7), row.PriceUnknown), apply: true, default);
        rows = rows.ConvertAll(row => query.Matches(row) ? row with { Cost = new(row.Cost.Value + 7) } : row);
        await AssertToldAsync(DateTimeOffset.MinValue);

        // Rows go, their hours stay: each counts where it begins, and none is lost between two days.
        var cut = new DateTimeOffset(Rows.Noon.AddDays(-20).Date, TimeSpan.Zero);
        await Ledger.RetainAsync(cut, DateTimeOffset.MinValue, _ => { }, default);
        await AssertToldAsync(cut);
        await ReopenAsync();
        await AssertToldAsync(cut);

        var sumsCut = new DateTimeOffset(Rows.Noon.AddDays(-60).Date, TimeSpan.Zero);
        await Ledger.RetainAsync(cut, sumsCut, _ => { }, default);
        rows.RemoveAll(row => row.Timestamp < sumsCut);
        await AssertToldAsync(cut);
        rows.Add(Rows.Row(9_999) with { Timestamp = Rows.Noon.AddDays(-40) });
        await AppendAsync([rows[^1]]);
        await AssertToldAsync(cut);
        Assert.Empty(await Ledger.VerifyAsync(default));

        async Task AssertToldAsync(DateTimeOffset rowsFrom)
        {
            var asked = new OverviewQuery(Rows.Noon.AddDays(-120), Rows.Noon.AddDays(1), Granularity.Day, OverviewKey.User, zone);
            for (var again = 0; again < 2; again++)
            {
                var overview = await Ledger.OverviewAsync(asked, default);
                Assert.Equal(Sum(rows), overview.Aggregate(default(UsageTotals), (sum, row) => sum + row.Totals));
                foreach (var row in overview)
                {
                    var expected = rows.Where(r => Moment(r) >= row.Start && Moment(r) < row.End && r.User!.Value.Value == row.Key);
                    Assert.Equal(Sum(expected), row.Totals);
                }
            }

            DateTimeOffset Moment(UsageRecord row)
                => row.Timestamp >= rowsFrom ? row.Timestamp : row.Timestamp - TimeSpan.FromTicks(row.Timestamp.UtcTicks % TimeSpan.TicksPerHour);
        }
    }

    [SkippableFact]
    public async Task Sessions_SameIdOfTwoPeople_AreTwo()
    {
        var agent = Rows.Row(3) with { AgentId = "sub", SessionId = "s" };
        await AppendAsync([Rows.Row(1) with { SessionId = "s" }, Rows.Row(2, "bob") with { SessionId = "s" }, agent, Rows.Row(4) with { SessionId = null }]);

        var page = await Ledger.SessionsAsync(new(), default);

        Assert.Equal(["ann", "bob"], page.Data.Select(session => session.User!.Value.Value));
        var ann = page.Data[0];
        Assert.Equal((2, 1, agent.Timestamp), (ann.Turns, ann.Agents, ann.LastAt));
        Assert.Equal(Rows.Row(1).Cost + agent.Cost, ann.Totals.Cost);
    }

    [SkippableFact]
    public async Task Retain_OldRows_GoAndTheirSumsStay()
    {
        await AppendAsync([.. Enumerable.Range(0, 1_500).Select(i => Rows.Row(i))]);
        var cut = Rows.Noon.AddMinutes(1_000);

        var told = new List<long>();
        var dropped = await Ledger.RetainAsync(cut, Rows.Noon.AddDays(-1), told.Add, default);

        Assert.Equal(told.Order(), told);
        Assert.Equal(dropped.Rows, told.LastOrDefault());

        await ReopenAsync();
        var kept = await Ledger.QueryAsync(new() { PageSize = 1000 }, default);
        Assert.Equal(1_500 - 960, kept.TotalRecords);
        Assert.Equal(kept.TotalRecords, kept.Data.Length);
        var overview = await Ledger.OverviewAsync(
            new(Rows.Noon, Rows.Noon.AddDays(3), Granularity.Month, OverviewKey.User, TimeZoneInfo.Utc), default);
        Assert.Equal(1_500, overview.Sum(row => row.Totals.Requests));
        Assert.Empty(await Ledger.VerifyAsync(default));
    }

    [SkippableFact]
    public async Task Retain_OldSums_AreInNoOverviewAndOthersStay()
    {
        // Every five hours for a hundred days; sums go day by day, from the middle of periods of seven and 28 days too.
        var rows = Enumerable.Range(0, 480).Select(i => Rows.Row(i, user: $"u{i % 3}") with { Timestamp = Rows.Noon.AddHours(-5 * i) }).ToList();
        await AppendAsync(rows);
        foreach (var days in (int[])[80, 79, 66, 45, 20, 3])
        {
            var cut = new DateTimeOffset(Rows.Noon.AddDays(-days).Date, TimeSpan.Zero);
            await Ledger.RetainAsync(cut, cut, _ => { }, default);
            await AppendAsync([Rows.Row(1_000 + days) with { Timestamp = Rows.Noon.AddDays(-2) }]);
            rows.Add(Rows.Row(1_000 + days) with { Timestamp = Rows.Noon.AddDays(-2) });
            await ReopenAsync();

            Assert.Empty(await Ledger.VerifyAsync(default));
            foreach (var granularity in (Granularity[])[Granularity.Whole, Granularity.Month, Granularity.Day])
            {
                var overview = await Ledger.OverviewAsync(
                    new(Rows.Noon.AddDays(-200), Rows.Noon.AddDays(1), granularity, OverviewKey.User, TimeZoneInfo.FindSystemTimeZoneById("America/New_York")), default);
                Assert.Equal(Sum(rows.Where(row => row.Timestamp >= cut)), overview.Aggregate(default(UsageTotals), (sum, row) => sum + row.Totals));
            }
        }
    }

    [SkippableFact]
    public async Task Reprice_AnyRows_ChangesRowsSumsAndRollUpsTogetherAndOnlyWhenApplied()
    {
        var rows = Rows.Many(1_300);
        await AppendAsync(rows);
        await ReopenAsync();
        var query = new UsageQuery { From = Rows.Noon.AddDays(-300) };
        static RowPrice Price(UsageRecord row) => row.Model.Length % 2 == 0 ? RowPrice.Of(row) : new(new((row.Cost.Value / 2) + 3), !row.PriceUnknown);
        UsageRecord Priced(UsageRecord row) => query.Matches(row) ? row with { Cost = Price(row).Cost, PriceUnknown = Price(row).Unknown } : row;

        var shown = await Ledger.RepriceAsync(query, Price, apply: false, default);

        var asked = rows.Where(query.Matches).ToList();
        Assert.InRange(asked.Count(row => Price(row) != RowPrice.Of(row)), 10, asked.Count - 10);
        Assert.Equal((asked.Count, asked.Count(row => Price(row) != RowPrice.Of(row))), (shown.Requests, shown.Changed));
        Assert.Equal((asked.Sum(row => row.Cost.Value), asked.Sum(row => Priced(row).Cost.Value)), (shown.Before.Value, shown.After.Value));
        Assert.Equal(asked.GroupBy(row => (row.Provider, row.Model)).Count(), shown.Models.Count);
        await AssertHasAsync(rows);

        Assert.Equal(shown.Models, (await Ledger.RepriceAsync(query, Price, apply: true, default)).Models);

        var repriced = rows.Select(Priced).ToList();
        await AssertHasAsync(repriced);
        await ReopenAsync();
        await AssertHasAsync(repriced);
        await AppendAsync([Rows.Row(9_000)]);
        await AssertHasAsync([.. repriced, Rows.Row(9_000)]);

        async Task AssertHasAsync(IReadOnlyCollection<UsageRecord> expected)
        {
            Assert.Empty(await Ledger.VerifyAsync(default));
            foreach (var by in Enum.GetValues<OverviewKey>())
            {
                var overview = await Ledger.OverviewAsync(
                    new(Rows.Noon.AddDays(-500), Rows.Noon.AddDays(30), Granularity.Month, by, TimeZoneInfo.Utc), default);
                Assert.Equal(Sum(expected), overview.Aggregate(default(UsageTotals), (sum, row) => sum + row.Totals));
            }

            var kept = new Dictionary<string, (long, bool)>();
            await foreach (var row in Ledger.EnumerateAsync(new(), default))
            {
                kept.Add(row.Id.Value, (row.Cost.Value, row.PriceUnknown));
            }

            Assert.Equal(expected.Count, kept.Count);
            Assert.All(expected, row => Assert.Equal((row.Cost.Value, row.PriceUnknown), kept[row.Id.Value]));
        }
    }

    [SkippableFact]
    public async Task Results_OfBatches_AreKnownForLongerThanTheirRows()
    {
        var result = Rows.Row(1) with { Id = new("batch-1"), Kind = NetBird.Policy.RequestKind.BatchResult };
        await AppendAsync([result, Rows.Row(2)]);
        await ReopenAsync();

        await Ledger.RetainAsync(Rows.Noon.AddDays(40), Rows.Noon.AddDays(40), _ => { }, default);

        await ReopenAsync();
        Assert.Equal([new("batch-2"), new("r3")], await ClaimAsync("batch-1", "batch-2", "r3"));
        await Ledger.RetainAsync(Rows.Noon.AddDays(70), Rows.Noon.AddDays(70), _ => { }, default);
        Assert.Equal([new("batch-1")], await ClaimAsync("batch-1"));
    }

    private async Task<IReadOnlySet<RequestId>> ClaimAsync(params string[] ids)
        => await Ledger.ClaimResultsAsync(RequestId.New(), [.. ids.Select(id => Rows.Row(1) with { Id = new(id) })], default);

    private protected async Task AppendAsync(IEnumerable<UsageRecord> rows)
    {
        var next = await Ledger.LastSequenceAsync(default) + 1;
        await Ledger.AppendAsync([.. rows.Select((row, i) => new JournalledRecord(next + i, row))], default);
    }

    private static UsageTotals Sum(IEnumerable<UsageRecord> rows) => rows.Aggregate(default(UsageTotals), (sum, row) => sum + UsageTotals.Of(row));

    private static string KeyOf(UsageRecord row, OverviewKey by) => by switch
    {
        OverviewKey.User => row.User?.Value ?? "",
        OverviewKey.Group => row.ChargedGroup?.Value ?? "",
        OverviewKey.Model => row.Model,
        _ => row.Provider?.Value ?? "",
    };
}
