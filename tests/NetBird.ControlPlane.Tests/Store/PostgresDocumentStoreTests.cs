using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Store.Postgres;

namespace NetBird.ControlPlane.Tests.Store;

public sealed class PostgresDocumentStoreTests(PostgresCluster cluster) : DocumentStoreContract, IClassFixture<PostgresCluster>
{
    [SkippableFact]
    public async Task Commit_FromTwoProcesses_LosesNoneAndBothSeeAll()
    {
        var place = await PlaceAsync();
        await using var one = await OpenAsync(place);
        await using var two = await OpenAsync(place);
        ConfigurationStore[] stores = [one, two];

        await Parallel.ForAsync(0, 60, async (i, token) => await stores[i % 2].CommitAsync(Actor.System, draft =>
        {
            var count = int.Parse(draft.Settings.All.Single().Contact is { Length: > 0 } text ? text : "0", System.Globalization.CultureInfo.InvariantCulture) + 1;
            draft.Settings.Put(new() { Contact = $"{count}" });
            return count;
        }, token));

        await UntilAsync(() => one.Current.Version == two.Current.Version);
        Assert.Equal(("60", "60"), (one.Current.Settings.Contact, two.Current.Settings.Contact));
        Assert.Empty((await two.VerifyAuditAsync(CancellationToken.None)).Faults);
    }

    [SkippableFact]
    public async Task Commit_InOneProcess_ReachesTheOtherAtOnce()
    {
        var place = await PlaceAsync();
        await using var one = await OpenAsync(place);
        await using var two = await OpenAsync(place);
        var seen = new TaskCompletionSource<Configuration>();
        two.Changed += configuration => seen.TrySetResult(configuration);

        await one.CommitAsync(Actor.System, draft =>
        {
            draft.Settings.Put(new() { AccountName = "Acme" });
            return true;
        }, CancellationToken.None);

        // The poll behind NOTIFY runs every 5 s: what comes earlier came by NOTIFY.
        var configuration = await seen.Task.WaitAsync(TimeSpan.FromSeconds(4));
        Assert.Equal("Acme", configuration.Settings.AccountName);
    }

    internal override IDocumentStore Create(string place) => new PostgresDocumentStore(place);

    protected override Task<string> PlaceAsync()
    {
        Skip.If(cluster.Missing is not null, cluster.Missing);
        return cluster.CreateDatabaseAsync();
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        for (var i = 0; i < 200 && !condition(); i++)
        {
            await Task.Delay(50);
        }
    }
}
