using Microsoft.Extensions.Logging.Abstractions;
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
        two.Changed += change => seen.TrySetResult(change.Now);

        await one.CommitAsync(Actor.System, draft =>
        {
            draft.Settings.Put(new() { AccountName = "Acme" });
            return true;
        }, CancellationToken.None);

        // The poll behind NOTIFY runs every 5 s: what comes earlier came by NOTIFY.
        var configuration = await seen.Task.WaitAsync(TimeSpan.FromSeconds(4));
        Assert.Equal("Acme", configuration.Settings.AccountName);
    }

    [SkippableFact]
    public async Task Read_SinceAVersion_GivesWhatChangedAndNoMore()
    {
        var place = await PlaceAsync();
        await using var one = await OpenAsync(place);
        await one.CommitAsync(Actor.System, Samples.Everything(), CancellationToken.None);
        var since = one.Current.Version;
        await one.CommitAsync(Actor.System, draft => draft.Groups.Remove(new("engineering")), CancellationToken.None);
        await one.CommitAsync(Actor.System, draft =>
        {
            draft.Settings.Put(new() { AccountName = "Acme" });
            return true;
        }, CancellationToken.None);

        await using var documents = Create(place);
        var changed = await documents.ReadSinceAsync(since, CancellationToken.None);
        var all = await documents.ReadSinceAsync(since + 100, CancellationToken.None);

        Assert.Equal((since + 2, false), (changed.Version, changed.Whole));
        Assert.Equal(["group engineering gone", "settings account"], changed.Documents
            .Select(document => $"{document.Kind} {document.Id}{(document.Json is null ? " gone" : "")}").Order());

        // A version that is not there yet: the database was put in another's place.
        Assert.True(all.Whole);
        Assert.Equal(changed.Version, all.Version);
    }

    [SkippableFact]
    public async Task Follow_OfThreeHundredChangesOfTwoProcesses_IsWhatAFreshStartReads()
    {
        var place = await PlaceAsync();
        await using var one = await OpenAsync(place);
        await using var two = await OpenAsync(place);
        var random = new Random(20261126);
        for (var i = 0; i < 300; i++)
        {
            await (random.Next(2) == 0 ? one : two).CommitAsync(Actor.System, RandomChanges.Next(random), CancellationToken.None);
        }

        await UntilAsync(() => one.Current.Version == two.Current.Version);
        await using var fresh = await OpenAsync(place);

        Assert.Equal(Samples.Dump(fresh.Current), Samples.Dump(one.Current));
        Assert.Equal(Samples.Dump(fresh.Current), Samples.Dump(two.Current));
        foreach (var store in (ConfigurationStore[])[one, two])
        {
            Assert.All(fresh.Current.Peers.Values, peer => Assert.Equal(peer.Id, store.Current.FindPeer(peer.PublicKey)?.Id));
            Assert.All(fresh.Current.Users.Values, user => Assert.Equal(user.Id, store.Current.FindUser(user.Issuer, user.Subject)?.Id));
        }
    }

    [SkippableFact]
    public async Task Follow_OfARecordThatThisVersionDoesNotKnow_SaysSo_AndGoesOn()
    {
        var place = await PlaceAsync();
        await using var one = await ConfigurationStore.OpenAsync(
            Create(place), new AuditChain(new byte[32]), TimeProvider.System, NullLogger<ConfigurationStore>.Instance, CancellationToken.None);
        await using var documents = Create(place);
        var state = await documents.OpenAsync(CancellationToken.None);
        Assert.True(await documents.TryWriteAsync(
            state.Version, new([new("hologram", "h", "H", null, """{"id":"h"}""", true)], []), CancellationToken.None));

        await UntilAsync(() => one.Problem is not null);
        Assert.Contains("hologram", one.Problem, StringComparison.Ordinal);

        Assert.True(await documents.TryWriteAsync(
            state.Version + 1, new([new("hologram", "h", "H", """{"id":"h"}""", null, true), new("group", "g", "G", null, """{"id":"g","name":"G"}""", true)], []),
            CancellationToken.None));
        await UntilAsync(() => one.Problem is null);
        Assert.NotNull(one.Current.FindGroup("G"));
    }

    internal override IDocumentStore Create(string place) => new PostgresDocumentStore(place);

    protected override Task<string> PlaceAsync()
    {
        Skip.If(cluster.Missing is not null, cluster.Missing);
        return cluster.CreateDatabaseAsync();
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        for (var i = 0; i < 600 && !condition(); i++)
        {
            await Task.Delay(50);
        }
    }
}
