using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Store.LiteDb;
using NetBird.ControlPlane.Store.Postgres;

namespace NetBird.ControlPlane.Tests.Store;

/// <summary>A real process, killed for good at a random moment of writing, again and again on the same store.</summary>
public sealed class ConfigurationKillTests(PostgresCluster cluster) : IClassFixture<PostgresCluster>
{
    private static readonly int Rounds = Environment.GetEnvironmentVariable("NETBIRD_LONG") is { Length: > 0 } ? 50 : 6;

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Kill_AtRandomMomentsOfWriting_LosesNoAcknowledgedChange(bool postgres)
    {
        Skip.If(postgres && cluster.Missing is not null, cluster.Missing);
        using var state = new TemporaryState();
        var database = postgres ? await cluster.CreateDatabaseAsync() : "";
        var acknowledged = 0;
        for (var round = 0; round < Rounds; round++)
        {
            acknowledged = Math.Max(acknowledged, await RunAndKillAsync(RandomNumberGenerator.GetInt32(1, 700), "configuration-writer", state.Path, database));
            await using var account = await ConfigurationWriter.OpenAsync(state.Path, database);
            var numbers = account.Configuration.Current.Groups.Keys.Select(ConfigurationWriter.Number).Where(number => number > 0).Order().ToList();

            // Whole: none missing before the last, at most the one that was on its way after it, both records of a change or neither.
            Assert.Equal(Enumerable.Range(1, numbers.Count), numbers);
            Assert.InRange(numbers.Count, acknowledged, acknowledged + 1);
            Assert.Equal(numbers.Count.ToString(CultureInfo.InvariantCulture), account.Configuration.Current.Users[new("counter")].Name);
            acknowledged = numbers.Count;
        }

        await using var last = await ConfigurationWriter.OpenAsync(state.Path, database);
        Assert.Empty((await last.Configuration.VerifyAuditAsync(default)).Faults);
        Assert.True(acknowledged > Rounds, $"Only {acknowledged} changes: the run proves little.");
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Kill_InTheMiddleOfAMigration_LeavesOneFormatOrTheNext(bool postgres)
    {
        Skip.If(postgres && cluster.Missing is not null, cluster.Missing);
        using var state = new TemporaryState();
        var place = postgres ? await cluster.CreateDatabaseAsync() : Path.Combine(state.Path, "config.db");
        await using (var store = await StoreAsync(place, migrated: false))
        {
            await store.CommitAsync(Actor.System, draft =>
            {
                for (var i = 0; i < 300; i++)
                {
                    draft.Groups.Put(new() { Id = new($"n{i}"), Name = $"Group {i}" });
                }

                return true;
            }, default);
        }

        for (var round = 0; round < Rounds; round++)
        {
            await RunAndKillAsync(RandomNumberGenerator.GetInt32(1, 600), "migrator", place);
        }

        await using var opened = await StoreAsync(place, migrated: true);
        var groups = opened.Current.Groups.Values.Where(group => group.Name != "All" && !group.Name.EndsWith("All", StringComparison.Ordinal)).ToList();

        // Each step ran once, wherever the process died: two plus signs, not one and not five.
        Assert.Equal(300, groups.Count);
        Assert.All(groups, group => Assert.StartsWith("++Group", group.Name, StringComparison.Ordinal));
    }

    private static Task<ConfigurationStore> StoreAsync(string place, bool migrated)
    {
        IDocumentStore documents = place.Contains("Host=", StringComparison.Ordinal)
            ? new PostgresDocumentStore(place, migrated ? ConfigurationWriter.PostgresSteps : null)
            : new LiteDbDocumentStore(place, migrated ? ConfigurationWriter.LiteDbSteps : null);
        return ConfigurationStore.OpenAsync(
            documents, new AuditChain(new byte[32]), TimeProvider.System,
            Microsoft.Extensions.Logging.Abstractions.NullLogger<ConfigurationStore>.Instance, default);
    }

    /// <summary>The last number that the process said was acknowledged; 0 for none.</summary>
    private static async Task<int> RunAndKillAsync(int afterMilliseconds, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true };
        foreach (var argument in (string[])["exec", typeof(TestProcess).Assembly.Location, .. arguments])
        {
            start.ArgumentList.Add(argument);
        }

        using var process = Process.Start(start)!; // a process that cannot start throws
        var last = 0;
        var first = await process.StandardOutput.ReadLineAsync();
        var reading = Task.Run(async () =>
        {
            for (var line = first; line is not null; line = await process.StandardOutput.ReadLineAsync())
            {
                last = int.TryParse(line, CultureInfo.InvariantCulture, out var number) ? number : last;
            }
        });
        await Task.Delay(afterMilliseconds);
        process.Kill();
        await process.WaitForExitAsync();
        await reading;
        return last;
    }
}
