using System.Diagnostics;
using NetBird.ControlPlane.Audit;

namespace NetBird.ControlPlane.Tests.Store;

/// <summary>A state directory on a disk of its own that fills up. Needs root, to mount it.</summary>
public sealed class FullDiskTests
{
    [SkippableFact]
    public async Task Commit_OnAFullDisk_IsRefusedWithWordsAndWorksAgainWithRoom()
    {
        Skip.IfNot(OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess, "Needs root on Linux.");
        var place = Directory.CreateTempSubdirectory("netbird-full-").FullName;
        Skip.IfNot(Run("mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", place), "A tmpfs cannot be mounted here.");
        try
        {
            await using (var state = await ConfigurationWriter.OpenAsync(place, ""))
            {
                var store = state.Configuration;
                await PutAsync(store, "before");
                var filler = Path.Combine(place, "filler");
                await FillAsync(filler);

                var fault = await Assert.ThrowsAsync<IOException>(() => PutAsync(store, "refused").WaitAsync(TimeSpan.FromSeconds(30)));
                Assert.Contains("The disk of", fault.Message, StringComparison.Ordinal);
                Assert.Null(store.Current.FindGroup("refused"));

                File.Delete(filler);
                await PutAsync(store, "after").WaitAsync(TimeSpan.FromSeconds(30));
            }

            await using var reopened = await ConfigurationWriter.OpenAsync(place, "");
            Assert.NotNull(reopened.Configuration.Current.FindGroup("before"));
            Assert.NotNull(reopened.Configuration.Current.FindGroup("after"));
            Assert.Empty((await reopened.Configuration.VerifyAuditAsync(default)).Faults);
        }
        finally
        {
            Run("umount", place);
            Directory.Delete(place);
        }
    }

    private static Task<bool> PutAsync(ControlPlane.Store.ConfigurationStore store, string name) => store.CommitAsync(Actor.System, draft =>
    {
        draft.Groups.Put(new() { Id = new(name), Name = name });
        return true;
    }, default);

    private static async Task FillAsync(string path)
    {
        try
        {
            await using var file = File.Create(path);
            var block = new byte[1024 * 1024];
            while (true)
            {
                await file.WriteAsync(block);
                await file.FlushAsync();
            }
        }
        catch (IOException)
        {
            // Full, as wanted.
        }
    }

    private static bool Run(string program, params string[] arguments)
    {
        using var process = Process.Start(program, arguments);
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}
