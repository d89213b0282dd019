namespace NetBird.ControlPlane.Hosting;

/// <summary>The state directory: readable by its owner alone, used by one process at a time.</summary>
internal sealed class StateDirectory : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly FileStream _lock;

    private StateDirectory(string path, FileStream held) => (Path, _lock) = (path, held);

    public string Path { get; }

    /// <summary>The system's place for root, the user's own otherwise.</summary>
    public static string Default()
    {
        if (Environment.IsPrivilegedProcess && !OperatingSystem.IsWindows())
        {
            return "/var/lib/netbird-controlplane";
        }

        var state = Environment.GetEnvironmentVariable("XDG_STATE_HOME");
        return string.IsNullOrEmpty(state)
            ? System.IO.Path.Combine(
                Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".local", "state", "netbird-controlplane")
            : System.IO.Path.Combine(state, "netbird-controlplane");
    }

    /// <summary>Makes the directory where it is missing and takes its lock.</summary>
    /// <exception cref="IOException">Another process uses it, or it cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">It belongs to someone else.</exception>
    public static StateDirectory Open(string path)
    {
        MakePrivateDirectory(path);
        var file = System.IO.Path.Combine(path, "lock");
        try
        {
            return new StateDirectory(path, new FileStream(file, Private(FileMode.OpenOrCreate)));
        }
        catch (IOException e) when (File.Exists(file))
        {
            throw new IOException($"{path} is in use by another control plane.", e);
        }
    }

    public string PathOf(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Makes a folder inside, readable by its owner alone.</summary>
    public DirectoryInfo Folder(string name) => MakePrivateDirectory(PathOf(name));

    public void Dispose() => _lock.Dispose();

    private static FileStreamOptions Private(FileMode mode)
    {
        var options = new FileStreamOptions { Mode = mode, Access = FileAccess.ReadWrite, Share = FileShare.None };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = OwnerOnly;
        }

        return options;
    }

    private static DirectoryInfo MakePrivateDirectory(string path)
        => OperatingSystem.IsWindows()
            ? Directory.CreateDirectory(path)
            : Directory.CreateDirectory(path, OwnerOnly | UnixFileMode.UserExecute);
}
