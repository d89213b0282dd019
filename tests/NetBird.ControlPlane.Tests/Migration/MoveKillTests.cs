using System.Diagnostics;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging.Abstractions;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Tests.Store;
using NetBird.ControlPlane.Tests.Usage;
using NetBird.ControlPlane.Usage;
using Xunit.Abstractions;

namespace NetBird.ControlPlane.Tests.Migration;

/// <summary><c>migrate-store</c> killed for good at random moments, and run again until it is through: nothing is lost and nothing is there twice.</summary>
public sealed class MoveKillTests(PostgresCluster cluster, ITestOutputHelper output) : IClassFixture<PostgresCluster>
{
    private const int Requests = 30_000;

    private static readonly int Kills = Environment.GetEnvironmentVariable("NETBIRD_LONG") is { Length: > 0 } ? 20 : 4;

    [SkippableFact]
    public async Task Move_CutShortAgainAndAgain_KeepsEverything()
    {
        Skip.If(cluster.Missing is not null, cluster.Missing);
        using var state = new TemporaryState();
        string dump;
        await using (var account = await ConfigurationWriter.OpenAsync(state.Path, ""))
        {
            await account.Configuration.CommitAsync(Actor.System, Samples.Everything(), default);
            for (var i = 0; i < 200; i++)
            {
                await account.Configuration.CommitAsync(Actor.System, draft => { draft.Groups.Put(new() { Id = new($"n{i}"), Name = $"Group {i}" }); return true; }, default);
            }

            dump = Samples.Dump(account.Configuration.Current);
        }

        UsageTotals before;
        await using (var usage = await UsageStore.OpenAsync(state.Path, TimeProvider.System, NullLoggerFactory.Instance, default))
        {
            var now = DateTimeOffset.UtcNow;
            await usage.Ledger.AppendAsync([.. Enumerable.Range(0, Requests).Select(i => new JournalledRecord(i + 1, Rows.Row(i) with { Timestamp = now.AddMinutes(-i) }))], default);
            before = await TotalAsync(usage.Ledger);
        }

        var database = await cluster.CreateDatabaseAsync();
        var cut = new List<int>();
        for (var i = 0; i < Kills; i++)
        {
            var after = RandomNumberGenerator.GetInt32(300, 2500);
            if (await RunAsync(state.Path, database, after) is null)
            {
                cut.Add(after);
                continue;
            }

            // Through before it was killed: once more, into a fresh one.
            database = await cluster.CreateDatabaseAsync();
        }

        Assert.Equal(0, await RunAsync(state.Path, database, null));
        output.WriteLine($"Cut short {cut.Count} times, after {string.Join(", ", cut)} ms.");
        await using var moved = await ConfigurationWriter.OpenAsync(state.Path, database);
        Assert.Equal(dump, Samples.Dump(moved.Configuration.Current));
        Assert.Empty((await moved.Configuration.VerifyAuditAsync(default)).Faults);
        await using var ledger = await UsageStore.OpenPostgresAsync(database, state.Path, TimeProvider.System, NullLoggerFactory.Instance, default);
        Assert.Equal(before, await TotalAsync(ledger.Ledger));
        Assert.Equal(Requests, (await ledger.Ledger.QueryAsync(new(), default)).TotalRecords);
        Assert.Empty(await ledger.Ledger.VerifyAsync(default));
    }

    /// <summary>Its exit code; null where it was killed.</summary>
    private async Task<int?> RunAsync(string directory, string database, int? killAfter)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in (string[])[Path.Combine(AppContext.BaseDirectory, "netbird-controlplane.dll"), "migrate-store", "--state-dir", directory])
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["NETBIRD_CP_POSTGRES"] = database;
        using var process = Process.Start(start)!; // a process that cannot start throws
        var said = process.StandardError.ReadToEndAsync();
        var ended = process.WaitForExitAsync();
        if (killAfter is { } milliseconds && await Task.WhenAny(ended, Task.Delay(milliseconds)) != ended)
        {
            process.Kill();
            await ended;
            return null;
        }

        await ended;
        if (process.ExitCode != 0)
        {
            output.WriteLine(await said);
        }

        return process.ExitCode;
    }

    private static async Task<UsageTotals> TotalAsync(IUsageLedger ledger)
    {
        var now = DateTimeOffset.UtcNow;
        var rows = await ledger.OverviewAsync(new(now.AddYears(-1), now.AddDays(2), Granularity.Month, OverviewKey.User, TimeZoneInfo.Utc), default);
        return rows.Aggregate(default(UsageTotals), (sum, row) => sum + row.Totals);
    }
}
