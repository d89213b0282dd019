using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using NetBird.ControlPlane.Tests.Usage.Postgres;
using NetBird.ControlPlane.Usage;
using NetBird.Gateway.Metering;
using NetBird.Policy;
using NetBird.Primitives;
using Xunit.Abstractions;

namespace NetBird.ControlPlane.Tests.Usage;

/// <summary>
/// What pages ask for with ten million requests of a year behind them (NETBIRD_LONG=1; NETBIRD_LEDGER_ROWS and NETBIRD_LEDGER_PEOPLE set
/// other numbers of requests and of people, who are 200; NETBIRD_LEDGER_DATABASE names a PostgreSQL that is filled when it is empty, and
/// left as it is). Figures are printed; what is asserted is that they add up.
/// </summary>
public sealed class LedgerSizeTests(PostgresCluster cluster, ITestOutputHelper output) : IClassFixture<PostgresCluster>
{
    private const int Batch = 20_000;

    private static readonly int Count = int.Parse(Environment.GetEnvironmentVariable("NETBIRD_LEDGER_ROWS") ?? "10000000", CultureInfo.InvariantCulture);

    private static readonly int People = int.Parse(Environment.GetEnvironmentVariable("NETBIRD_LEDGER_PEOPLE") ?? "200", CultureInfo.InvariantCulture);

    private static readonly string? Database = Environment.GetEnvironmentVariable("NETBIRD_LEDGER_DATABASE");

    private static readonly string[] Models =
        ["claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5", "claude-fable-5-1", "claude-opus-4-8"];

    private static readonly DateTimeOffset End = new(2026, 11, 26, 0, 0, 0, TimeSpan.Zero);

    private static readonly DateTimeOffset Start = End.AddDays(-365);

    [SkippableFact]
    public async Task LiteDb_TenMillionRequests_PagesAnswer()
    {
        Skip.If(Environment.GetEnvironmentVariable("NETBIRD_LONG") != "1", "Long: NETBIRD_LONG=1");
        using var scratch = new Scratch();
        await using (var store = await UsageStore.OpenAsync(scratch.Path, TimeProvider.System, NullLoggerFactory.Instance, default))
        {
            await FillAsync(store.Ledger, "LiteDB");
        }

        var began = Stopwatch.StartNew();
        await using var opened = await UsageStore.OpenAsync(scratch.Path, TimeProvider.System, NullLoggerFactory.Instance, default);
        output.WriteLine($"LiteDB: open {began.ElapsedMilliseconds} ms, {new FileInfo(Path.Combine(scratch.Path, "usage.db")).Length >> 20} MB");
        await AskAsync(opened.Ledger, "LiteDB");
    }

    [SkippableFact]
    public async Task Postgres_TenMillionRequests_PagesAnswer()
    {
        Skip.If(Environment.GetEnvironmentVariable("NETBIRD_LONG") != "1", "Long: NETBIRD_LONG=1");
        Skip.If(cluster.Missing is not null, cluster.Missing);
        using var scratch = new Scratch();
        await using var store = await UsageStore.OpenPostgresAsync(
            Database ?? cluster.ConnectionString, scratch.Path, TimeProvider.System, NullLoggerFactory.Instance, default);
        if ((await store.Ledger.QueryAsync(new() { PageSize = 1 }, default)).TotalRecords == 0)
        {
            await FillAsync(store.Ledger, "PostgreSQL");
            if (Database is null)
            {
                cluster.Execute("analyze");
            }
        }

        await AskAsync(store.Ledger, "PostgreSQL");
    }

    private async Task FillAsync(IUsageLedger ledger, string name)
    {
        var began = Stopwatch.StartNew();
        var step = (End - Start) / Count;
        for (var first = 0; first < Count; first += Batch)
        {
            await ledger.AppendAsync([.. Enumerable.Range(first, Math.Min(Batch, Count - first)).Select(i => new JournalledRecord(i + 1, Row(i, Start + (step * i))))], default);
        }

        output.WriteLine($"{name}: {Count} rows in {began.Elapsed.TotalSeconds:F0} s, {Count / began.Elapsed.TotalSeconds:F0} a second; load {File.ReadAllText("/proc/loadavg").Split(' ')[0]}");
    }

    private async Task AskAsync(IUsageLedger ledger, string name)
    {
        var year = new OverviewQuery(Start, End, Granularity.Day, OverviewKey.User, TimeZoneInfo.Utc);
        Assert.Equal(Count, (await Timed("overview, year by day and person", () => ledger.OverviewAsync(year, default))).Sum(row => row.Totals.Requests));
        Assert.Equal(Count, (await Timed("overview, year by month and model", () => ledger.OverviewAsync(year with { Granularity = Granularity.Month, GroupBy = OverviewKey.Model }, default)))
            .Sum(row => row.Totals.Requests));
        var newYork = TimeZoneInfo.FindSystemTimeZoneById("America/New_York");
        var berlin = TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin");
        Assert.Equal(Count, (await Timed("overview, year by day and person, Berlin", () => ledger.OverviewAsync(year with { Zone = berlin }, default))).Sum(row => row.Totals.Requests));
        Assert.Equal(Count, (await Timed("overview, year by person, New York", () => ledger.OverviewAsync(year with { Granularity = Granularity.Whole, Zone = newYork }, default))).Sum(row => row.Totals.Requests));
        foreach (var far in (string[])["Asia/Tokyo", "America/Los_Angeles", "Asia/Kolkata"])
        {
            var there = year with { Zone = TimeZoneInfo.FindSystemTimeZoneById(far) };
            Assert.Equal(Count, (await Timed($"overview, year by day and person, {far[(far.IndexOf('/', StringComparison.Ordinal) + 1)..]}", () => ledger.OverviewAsync(there, default))).Sum(row => row.Totals.Requests));
            Assert.Equal(Count, (await Timed($"overview, year by week and person, {far[(far.IndexOf('/', StringComparison.Ordinal) + 1)..]}", () => ledger.OverviewAsync(there with { Granularity = Granularity.Week }, default))).Sum(row => row.Totals.Requests));
        }

        await Timed("overview, year by day and seven people, New York", () => ledger.OverviewAsync(year with { Zone = newYork, Only = [.. Enumerable.Range(1, 7).Select(i => $"person-{i}")] }, default));
        await Timed("overview, week by hour and group, Kolkata", () => ledger.OverviewAsync(year with { From = End.AddDays(-7), Granularity = Granularity.Hour, GroupBy = OverviewKey.Group, Zone = TimeZoneInfo.FindSystemTimeZoneById("Asia/Kolkata") }, default));
        await Timed("overview, week by hour and group", () => ledger.OverviewAsync(year with { From = End.AddDays(-7), Granularity = Granularity.Hour, GroupBy = OverviewKey.Group }, default));
        Assert.Equal(Count, (await Timed("access logs, first page", () => ledger.QueryAsync(new(), default))).TotalRecords);
        Assert.Equal(Count / People, (await Timed("access logs of a person", () => ledger.QueryAsync(new() { User = new("person-7") }, default))).TotalRecords, (double)Batch / People);
        await Timed("access logs of a group, last 30 days", () => ledger.QueryAsync(new() { Group = new("group-3"), From = End.AddDays(-30.3) }, default));
        await Timed("access logs of a model, page 20", () => ledger.QueryAsync(new() { Model = Models[2], Page = 20 }, default));
        await Timed("access logs of a session", () => ledger.QueryAsync(new() { Session = "session-17-1" }, default));
        await Timed("sessions of the last day", () => ledger.SessionsAsync(new() { From = End.AddDays(-1) }, default));
        await Timed("sessions of the last 30 days", () => ledger.SessionsAsync(new() { From = End.AddDays(-30) }, default));

        // One request in fifty is refused, each with a sentence of one form; other words each time, then the same ones with more asked for.
        await Timed("a refusal that all of them say", () => ledger.QueryAsync(new() { Refusal = "limit of $", Allowed = false }, default));
        await Timed("the same of a model", () => ledger.QueryAsync(new() { Refusal = "limit of $", Allowed = false, Model = Models[0] }, default));
        await Timed("the same, page 20", () => ledger.QueryAsync(new() { Refusal = "limit of $", Allowed = false, Page = 20 }, default));

        async Task<T> Timed<T>(string what, Func<ValueTask<T>> ask)
        {
            var first = Stopwatch.StartNew();
            await ask();
            first.Stop();
            var best = long.MaxValue;
            var result = default(T);
            // The compiler settles meanwhile, as it has in a process that has run for a while.
            for (var i = 0; i < 8; i++)
            {
                var watch = Stopwatch.StartNew();
                result = await ask();
                best = Math.Min(best, watch.ElapsedMilliseconds);
            }

            output.WriteLine($"{name}: {what,-52} {best,6} ms, at first {first.ElapsedMilliseconds} ms");
            return result!; // ask gives no null
        }
    }

    private static UsageRecord Row(int i, DateTimeOffset at)
    {
        var person = (int)((uint)(i * 2654435761) % People);
        var row = new UsageRecord()
        {
            Id = new(string.Create(CultureInfo.InvariantCulture, $"r{i}")),
            Timestamp = at,
            User = new($"person-{person}"),
            UserName = $"person-{person}@acme.example",
            Peer = new($"laptop-{person}"),
            Groups = [new($"group-{person % 12}")],
            ChargedGroup = new($"group-{person % 12}"),
            Policy = new($"policy-{person % 12}"),
            Provider = new("anthropic"),
            Kind = RequestKind.Messages,
            Model = Models[i % Models.Length],
            SessionId = string.Create(CultureInfo.InvariantCulture, $"session-{person}-{i / People / 200}"),
            StatusCode = 200,
            Stream = true,
            Duration = TimeSpan.FromSeconds(4),
            Usage = new(new TokenUsage(1_200, 600, 40_000, 2_000)),
            Cost = new(30_000_000),
            Completeness = Completeness.Complete,
            RequestBytes = 48_000,
            ResponseBytes = 9_000,
        };
        return i % 50 > 0 ? row : row with
        {
            DenyReason = DenyReason.LimitReached,
            DenyText = string.Create(CultureInfo.InvariantCulture, $"Your limit of $30.00 in any 24 hours (\"Engineering\") is reached: ${i % 1000 / 100m} used. There is room again at {at:yyyy-MM-dd HH:mm} UTC."),
            StatusCode = 429,
            Usage = default,
            Cost = default,
        };
    }
}
