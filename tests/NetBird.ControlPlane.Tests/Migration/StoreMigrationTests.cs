using Microsoft.Extensions.Logging.Abstractions;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Backups;
using NetBird.ControlPlane.Migration;
using NetBird.ControlPlane.Providers;
using NetBird.ControlPlane.Tests.Identity;
using NetBird.ControlPlane.Tests.Store;
using NetBird.ControlPlane.Tests.Usage;
using NetBird.ControlPlane.Usage;
using NetBird.Policy;
using Npgsql;

namespace NetBird.ControlPlane.Tests.Migration;

/// <summary>From LiteDB to PostgreSQL, and a backup of it to another database: nothing is lost on either way.</summary>
public sealed class StoreMigrationTests(PostgresCluster cluster) : IClassFixture<PostgresCluster>
{
    [SkippableFact]
    public async Task Move_OfAWholeAccount_KeepsEverything()
    {
        Skip.If(cluster.Missing is not null, cluster.Missing);
        var database = await cluster.CreateDatabaseAsync();
        await using var server = await RunningControlPlane.StartAsync();
        await server.AddPersonAsync("moving@example.com");
        await server.Store.CommitAsync(Actor.System, Samples.Everything(), default);
        using var client = new NativeClient(server.Url);
        var refresh = await LogInAsync(server, client);
        var directory = server.Options.StateDirectory;
        var dump = Samples.Dump(server.Store.Current);
        var sealedKey = new SecretSeal(StateOf(server).Protection).SealProviderKey("planted");

        await server.StopAsync();
        UsageTotals before;
        await using (var usage = await UsageStore.OpenAsync(directory, TimeProvider.System, NullLoggerFactory.Instance, default))
        {
            var now = DateTimeOffset.UtcNow;
            await usage.Ledger.AppendAsync([.. Enumerable.Range(0, 5000).Select(i => new JournalledRecord(i + 1, Rows.Row(i) with
            {
                Timestamp = now.AddMinutes(-i), StatusCode = i % 10 == 3 ? 529 : 200, Kind = i % 50 == 7 ? RequestKind.Part : RequestKind.Messages,
            }))], default);
            before = await TotalAsync(usage.Ledger);
        }

        var lines = new List<string>();
        await new StoreMigration(directory, database, null, TimeProvider.System, lines.Add).RunAsync(default);

        var again = await Assert.ThrowsAsync<IOException>(() => new StoreMigration(directory, database, null, TimeProvider.System, lines.Add).RunAsync(default));
        Assert.Contains("already holds an account", again.Message, StringComparison.Ordinal);
        await server.StartAgainAsync(options => options with { Postgres = database });
        Assert.Equal(dump, Samples.Dump(server.Store.Current));
        Assert.Empty((await ((ControlPlane.Store.ConfigurationStore)server.Store).VerifyAuditAsync(default)).Faults);
        Assert.Equal("planted", new SecretSeal(StateOf(server).Protection).UnsealProviderKey(sealedKey));
        Assert.True((await client.RefreshAsync(refresh)).TryGetProperty("id_token", out _));
        var ledger = (IUsageLedger)server.Services.GetService(typeof(IUsageLedger))!;
        Assert.Equal(before, await TotalAsync(ledger));
        Assert.Empty(await ledger.VerifyAsync(default));
        Assert.Contains(lines, line => line.Contains("5000 metered requests", StringComparison.Ordinal));

        await BackUpAndRestoreAsync(server, dump, before);
    }

    private async Task BackUpAndRestoreAsync(RunningControlPlane server, string dump, UsageTotals total)
    {
        using var target = new TemporaryState();
        var backup = new MemoryStream();
        await StateBackup.WriteAsync(server.Options.StateDirectory, StateOf(server).Database, backup, default);
        backup.Position = 0;
        await StateBackup.RestoreAsync(backup, target.Path, default);
        var database = await cluster.CreateDatabaseAsync();
        var tables = Path.Combine(target.Path, PostgresBackup.Folder);
        await PostgresBackup.RestoreAsync(tables, database, default);
        var filled = await Assert.ThrowsAsync<InvalidDataException>(() => PostgresBackup.RestoreAsync(tables, database, default));
        Directory.Delete(tables, recursive: true);

        await using var restored = await ConfigurationWriter.OpenAsync(target.Path, database);
        Assert.Equal(dump, Samples.Dump(restored.Configuration.Current));
        Assert.Empty((await restored.Configuration.VerifyAuditAsync(default)).Faults);
        await using var usage = await UsageStore.OpenPostgresAsync(database, target.Path, TimeProvider.System, NullLoggerFactory.Instance, default);
        Assert.Equal(total, await TotalAsync(usage.Ledger));
        Assert.Contains("not empty", filled.Message, StringComparison.Ordinal);
        await RestoreOfAnOlderVersionAsync(StateOf(server).Database!, total);
    }

    /// <summary>As a version wrote it that did not count failed requests and parts: they are counted when it is restored.</summary>
    private async Task RestoreOfAnOlderVersionAsync(NpgsqlDataSource source, UsageTotals total)
    {
        Assert.True(total is { Failed: > 0, Parts: > 0 });
        using var folder = new TemporaryState();
        await using (var connection = await source.OpenConnectionAsync())
        await using (var drop = connection.CreateCommand())
        {
            drop.CommandText = "alter table usage_hours drop failed, drop parts; alter table usage_rollups drop failed, drop parts";
            await drop.ExecuteNonQueryAsync();
        }

        await PostgresBackup.WriteAsync(source, folder.Path, default);
        var database = await cluster.CreateDatabaseAsync();
        await PostgresBackup.RestoreAsync(folder.Path, database, default);

        using var state = new TemporaryState();
        await using var usage = await UsageStore.OpenPostgresAsync(database, state.Path, TimeProvider.System, NullLoggerFactory.Instance, default);
        Assert.Equal(total, await TotalAsync(usage.Ledger));
        Assert.Empty(await usage.Ledger.VerifyAsync(default));
    }

    private static ControlPlane.Store.AccountState StateOf(RunningControlPlane server)
        => (ControlPlane.Store.AccountState)server.Services.GetService(typeof(ControlPlane.Store.AccountState))!;

    private static async Task<string> LogInAsync(RunningControlPlane server, NativeClient client)
    {
        using var browser = new Browser(server.Url);
        await browser.OpenAsync(client.AuthorizeUrl());
        await browser.LogInAsync("moving@example.com");
        var tokens = await client.RedeemAsync(browser.Returned("code")!);
        Assert.True(tokens.TryGetProperty("refresh_token", out var refresh), tokens.ToString());
        return refresh.GetString()!;
    }

    private static async Task<UsageTotals> TotalAsync(IUsageLedger ledger)
    {
        var now = DateTimeOffset.UtcNow;
        var rows = await ledger.OverviewAsync(new(now.AddYears(-1), now.AddDays(2), Granularity.Month, OverviewKey.User, TimeZoneInfo.Utc), default);
        return rows.Aggregate(default(UsageTotals), (sum, row) => sum + row.Totals);
    }
}
