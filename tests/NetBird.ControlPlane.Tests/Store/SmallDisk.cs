using System.Diagnostics;

namespace NetBird.ControlPlane.Tests.Store;

/// <summary>A folder on a disk of its own that can be filled. Needs root, to mount it; a test without is skipped.</summary>
internal sealed class SmallDisk : IDisposable
{
    private readonly string _folder;

    /// <param name="folder">Made where it is not.</param>
    /// <param name="size">As <c>mount</c> takes it.</param>
    public SmallDisk(string folder, string size)
    {
        Skip.IfNot(OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess, "Needs root on Linux.");
        _folder = Directory.CreateDirectory(folder).FullName;
        Skip.IfNot(Run("mount", "-t", "tmpfs", "-o", $"size={size}", "tmpfs", folder), "A tmpfs cannot be mounted here.");
    }

    private string Filler => Path.Combine(_folder, "filler");

    public void Fill()
    {
        try
        {
            using var file = File.Create(Filler);
            var block = new byte[4096];
            while (true)
            {
                file.Write(block);
                file.Flush();
            }
        }
        catch (IOException)
        {
            // Full, as wanted.
        }
    }

    public void GiveRoom() => File.Delete(Filler);

    public void Dispose() => Run("umount", _folder);

    private static bool Run(string program, params string[] arguments)
    {
        using var process = Process.Start(program, arguments);
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}
