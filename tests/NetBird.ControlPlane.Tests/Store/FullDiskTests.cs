using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Tests.Usage;

namespace NetBird.ControlPlane.Tests.Store;

/// <summary>A state directory on a disk of its own that fills up.</summary>
public sealed class FullDiskTests
{
    [SkippableFact]
    public async Task Commit_OnAFullDisk_IsRefusedWithWordsAndWorksAgainWithRoom()
    {
        using var scratch = new Scratch();
        var place = Path.Combine(scratch.Path, "state");
        using var disk = new SmallDisk(place, "24m");
        await using (var state = await ConfigurationWriter.OpenAsync(place, ""))
        {
            var store = state.Configuration;
            await PutAsync(store, "before");
            disk.Fill();

            var fault = await Assert.ThrowsAsync<IOException>(() => PutAsync(store, "refused").WaitAsync(TimeSpan.FromSeconds(30)));
            Assert.Contains("The disk of", fault.Message, StringComparison.Ordinal);
            Assert.Null(store.Current.FindGroup("refused"));

            disk.GiveRoom();
            await PutAsync(store, "after").WaitAsync(TimeSpan.FromSeconds(30));
        }

        await using var reopened = await ConfigurationWriter.OpenAsync(place, "");
        Assert.NotNull(reopened.Configuration.Current.FindGroup("before"));
        Assert.NotNull(reopened.Configuration.Current.FindGroup("after"));
        Assert.Empty((await reopened.Configuration.VerifyAuditAsync(default)).Faults);
    }

    private static Task<bool> PutAsync(ControlPlane.Store.ConfigurationStore store, string name) => store.CommitAsync(Actor.System, draft =>
    {
        draft.Groups.Put(new() { Id = new(name), Name = name });
        return true;
    }, default);
}
