using LiteDB;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Groups;
using NetBird.ControlPlane.Store;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Tests.Store;

public sealed class ConfigurationStoreTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task Open_FreshState_HasGroupAllAndAllowsNothing()
    {
        using var state = new TemporaryState();

        await using var store = await state.OpenAsync();

        Assert.Equal("All", store.Current.Groups[Group.AllId].Name);
        Assert.Empty(store.Current.Policies);
    }

    [Fact]
    public async Task Commit_ThenReopen_GivesBackEveryRecord()
    {
        using var state = new TemporaryState();
        var all = Samples.Everything();
        await using (var store = await state.OpenAsync())
        {
            await store.CommitAsync(Actor.System, all, None);
        }

        await using var reopened = await state.OpenAsync();

        using var other = new TemporaryState();
        await using var fresh = await other.OpenAsync();
        await fresh.CommitAsync(Actor.System, all, None);
        Assert.Equal(Samples.Dump(fresh.Current), Samples.Dump(reopened.Current));
        Assert.Equal(2, reopened.Current.Version);
    }

    [Fact]
    public async Task Commit_Abandoned_ChangesNothing()
    {
        using var state = new TemporaryState();
        await using var store = await state.OpenAsync();
        var before = store.Current;

        var answer = await store.CommitAsync(Actor.System, draft =>
        {
            draft.Groups.Put(new() { Id = GroupId.New(), Name = "X" });
            draft.Abandon();
            return "no";
        }, None);

        Assert.Equal("no", answer);
        Assert.Same(before, store.Current);
    }

    [Fact]
    public async Task Commit_TwoHundredAtOnce_LosesNone()
    {
        using var state = new TemporaryState();
        await using var store = await state.OpenAsync();
        await store.CommitAsync(Actor.System, draft => Put(draft, "0"), None);

        await Parallel.ForAsync(0, 200, async (_, token) => await store.CommitAsync(Actor.System, draft =>
        {
            var settings = draft.Settings.All.Single();
            var count = int.Parse(settings.AccountName, System.Globalization.CultureInfo.InvariantCulture) + 1;
            draft.Settings.Put(settings with { AccountName = $"{count}" });
            return count;
        }, token));

        Assert.Equal("200", store.Current.Settings.AccountName);
    }

    [Fact]
    public async Task Commit_Succeeds_RaisesChangedWithTheNewVersion()
    {
        using var state = new TemporaryState();
        await using var store = await state.OpenAsync();
        Configuration? seen = null;
        store.Changed += change => seen = change.Now;

        await store.CommitAsync(Actor.System, draft => Put(draft, "Acme"), None);

        Assert.Same(store.Current, seen);
    }

    [Fact]
    public async Task Open_StateOfANewerVersion_IsRefusedAndUntouched()
    {
        using var state = new TemporaryState();
        await (await state.OpenAsync()).DisposeAsync();
        var file = Path.Combine(state.Path, AccountState.LiteDbFileName);
        using (var database = new LiteDatabase(file))
        {
            var meta = database.GetCollection("meta").FindAll().Single();
            meta["format"] = 99;
            database.GetCollection("meta").Update(meta);
        }

        var fault = await Assert.ThrowsAsync<StateVersionException>(state.OpenAsync);

        Assert.Contains("newer version", fault.Message, StringComparison.Ordinal);
    }

    private static bool Put(ConfigurationDraft draft, string accountName)
    {
        draft.Settings.Put(new() { AccountName = accountName });
        return true;
    }
}
