using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Store;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Tests.Store;

/// <summary>What every document store has to do; one class per database runs it.</summary>
public abstract class DocumentStoreContract
{
    private static readonly CancellationToken None = CancellationToken.None;
    private readonly FakeTimeProvider _time = new(new(2026, 11, 1, 12, 0, 0, TimeSpan.Zero));

    [SkippableFact]
    public async Task Reopen_AfterCommits_GivesBackEverything()
    {
        var place = await PlaceAsync();
        string dump;
        await using (var store = await OpenAsync(place))
        {
            await store.CommitAsync(Actor.System, Samples.Everything(), None);
            await store.CommitAsync(Actor.System, draft => draft.Groups.Remove(new("engineering")), None);
            dump = Samples.Dump(store.Current);
        }

        await using var reopened = await OpenAsync(place);

        Assert.Equal(dump, Samples.Dump(reopened.Current));
        Assert.Equal(3, reopened.Current.Version);
    }

    [SkippableFact]
    public async Task Write_AgainstAnOldVersion_IsRefusedAndWritesNothing()
    {
        var place = await PlaceAsync();
        await using var documents = Create(place);
        var state = await documents.OpenAsync(None);
        var change = new DocumentChange("group", "g", "G", null, """{"id":"g","name":"G"}""", true);
        Assert.True(await documents.TryWriteAsync(state.Version, new([change], []), None));

        var second = await documents.TryWriteAsync(state.Version, new([change with { Id = "h" }], []), None);

        var after = await documents.ReadAsync(None);
        Assert.False(second);
        Assert.Equal((state.Version + 1, 1), (after.Version, after.Documents.Count));
    }

    [SkippableFact]
    public async Task Audit_ThousandEntries_AreReadInBothDirections()
    {
        var place = await PlaceAsync();
        await using var store = await OpenAsync(place);
        await store.CommitAsync(Actor.System, draft =>
        {
            for (var i = 0; i < 1200; i++)
            {
                draft.Note(new("test", "none", $"{i}", "x"));
            }

            return true;
        }, None);

        var up = await CountAsync(store.ReadAuditAsync(1, descending: false, None));
        var down = await CountAsync(store.ReadAuditAsync(600, descending: true, None));

        Assert.Equal((1202, 600), (up, down));
        Assert.Empty((await store.VerifyAuditAsync(None)).Faults);
    }

    [SkippableFact]
    public async Task Write_TextOfEverySort_ComesBackAsItWas()
    {
        var place = await PlaceAsync();
        const string Name = "'; DROP TABLE netbird_documents; -- \"\\ \u00fc \u4e2d \ud83d\ude00 <script>";
        await using (var store = await OpenAsync(place))
        {
            await store.CommitAsync(Actor.System, draft =>
            {
                draft.Groups.Put(new() { Id = GroupId.New(), Name = Name });
                return true;
            }, None);
        }

        await using var reopened = await OpenAsync(place);

        Assert.NotNull(reopened.Current.FindGroup(Name));
    }

    internal abstract IDocumentStore Create(string place);

    protected abstract Task<string> PlaceAsync();

    internal Task<ConfigurationStore> OpenAsync(string place) => ConfigurationStore.OpenAsync(
        Create(place), new AuditChain(new byte[32]), _time, NullLogger<ConfigurationStore>.Instance, None);

    private static async Task<int> CountAsync(IAsyncEnumerable<AuditEntry> entries)
    {
        var count = 0;
        await foreach (var _ in entries)
        {
            count++;
        }

        return count;
    }
}
