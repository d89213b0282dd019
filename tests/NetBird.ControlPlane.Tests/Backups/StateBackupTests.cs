using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Backups;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Tests.Store;

namespace NetBird.ControlPlane.Tests.Backups;

public sealed class StateBackupTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task Backup_WhileChangesGoOn_RestoresToOneMoment()
    {
        using var state = new TemporaryState();
        await using var store = await state.OpenAsync();
        await store.CommitAsync(Actor.System, Samples.Everything(), None);
        using var stop = new CancellationTokenSource();
        var changing = ChangeUntilAsync(store, stop.Token);
        using var restored = new TemporaryState();

        var before = store.Current.Version;
        var backup = new MemoryStream();
        await StateBackup.WriteAsync(state.Path, null, backup, None);
        await stop.CancelAsync();
        await changing;
        backup.Position = 0;
        await StateBackup.RestoreAsync(backup, restored.Path, None);

        await using var opened = await restored.OpenAsync();
        Assert.InRange(opened.Current.Version, before, store.Current.Version);
        Assert.Empty((await opened.VerifyAuditAsync(None)).Faults);
        Assert.Single(opened.Current.Providers);
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(restored.Path, "keys", "audit.key.sealed")));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(600)]
    [InlineData(3000)]
    public async Task Restore_CutShort_IsRefused(int bytes)
    {
        using var state = new TemporaryState();
        await using var store = await state.OpenAsync();
        var backup = new MemoryStream();
        await StateBackup.WriteAsync(state.Path, null, backup, None);
        using var target = new TemporaryState();

        await Assert.ThrowsAsync<InvalidDataException>(
            () => StateBackup.RestoreAsync(new MemoryStream(backup.ToArray()[..bytes]), target.Path, None));
    }

    private static async Task ChangeUntilAsync(ConfigurationStore store, CancellationToken stop)
    {
        for (var i = 0; !stop.IsCancellationRequested; i++)
        {
            await store.CommitAsync(Actor.System, draft =>
            {
                draft.Settings.Put(new() { AccountName = $"Name {i}" });
                return true;
            }, None);
            await Task.Yield();
        }
    }
}
