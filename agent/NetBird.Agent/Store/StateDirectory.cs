using System.Globalization;

namespace NetBird.Agent.Store;

/// <summary>
/// The folder that holds everything the agent keeps: mode 0700, its files 0600, nothing reached through a link
/// that somebody else could have planted.
/// </summary>
internal sealed class StateDirectory
{
    /// <summary>Longest path a unix socket may have on Linux, with its closing zero (sockaddr_un, unix(7)).</summary>
    private const int LongestSocketPath = 107;

    private StateDirectory(string path) => Path = path;

    public string Path { get; }

    public string DatabaseFile => In("agent.db");

    public string PrivateKeyFile => In("private.key");

    public string LockFile => In("agent.lock");

    public string LogFile => In("agent.log");

    /// <summary>Where the CLI finds the daemon.</summary>
    public string DaemonSocket => In("daemon.sock");

    /// <summary>The local endpoint as a unix socket.</summary>
    public string EndpointSocket => In("endpoint.sock");

    /// <summary>One line of text per connection, for <c>statusline</c>, which has no time to load a gRPC client.</summary>
    public string StatusLineSocket => In("statusline.sock");

    /// <summary>The authority that signs the https form of the endpoint; public.</summary>
    public string AuthorityFile => In("endpoint-ca.pem");

    /// <summary>The default of contracts.md: the system's folder for root, the person's own otherwise.</summary>
    public static string DefaultPath()
    {
        if (OperatingSystem.IsWindows())
        {
            return System.IO.Path.Combine(
                Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData), "netbird-agent");
        }

        if (Environment.IsPrivilegedProcess)
        {
            return "/var/lib/netbird-agent";
        }

        // XDG Base Directory Specification: a relative value is to be ignored.
        var state = Environment.GetEnvironmentVariable("XDG_STATE_HOME");
        if (string.IsNullOrEmpty(state) || !System.IO.Path.IsPathRooted(state))
        {
            state = System.IO.Path.Combine(
                Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".local", "state");
        }

        return System.IO.Path.Combine(state, "netbird-agent");
    }

    /// <summary>Names the folder without touching it, for a CLI that only asks the daemon.</summary>
    public static StateDirectory At(string? path)
        => new(System.IO.Path.GetFullPath(string.IsNullOrEmpty(path) ? DefaultPath() : path));

    /// <summary>Makes the folder, or checks the one that is there.</summary>
    /// <exception cref="StateDirectoryException">It is a link, somebody else's, or open to others.</exception>
    public void Prepare()
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(Path);
            return;
        }

        if (System.Text.Encoding.UTF8.GetByteCount(StatusLineSocket) > LongestSocketPath)
        {
            throw new StateDirectoryException(string.Create(CultureInfo.InvariantCulture,
                $"The state directory's path is too long for the sockets in it (limit {LongestSocketPath} bytes): {Path}. Choose a shorter --state-dir."));
        }

        const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        var folder = new DirectoryInfo(Path);
        if (!folder.Exists && folder.LinkTarget is null)
        {
            try
            {
                Directory.CreateDirectory(Path, Private);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new StateDirectoryException($"The state directory {Path} cannot be made: {e.Message}", e);
            }

            return;
        }

        if (folder.LinkTarget is not null)
        {
            throw new StateDirectoryException(
                $"{Path} is a symbolic link; the agent keeps its private key only in a real directory. Name the directory itself with --state-dir.");
        }

        if (FileOwner.Of(Path) is { } owner && owner != ProcessOwner.Uid)
        {
            throw new StateDirectoryException(string.Create(CultureInfo.InvariantCulture,
                $"{Path} belongs to uid {owner}, and this process runs as uid {ProcessOwner.Uid}. Use that person's own --state-dir."));
        }

        // Ours but too open, say by a umask: closing it is safe, and what is inside is checked file by file.
        if ((File.GetUnixFileMode(Path) & ~Private) != 0)
        {
            File.SetUnixFileMode(Path, Private);
        }

        foreach (var file in Directory.EnumerateFileSystemEntries(Path))
        {
            if (new FileInfo(file).LinkTarget is not null)
            {
                throw new StateDirectoryException(
                    $"{file} is a symbolic link, which the agent never makes. Look where it leads and remove it.");
            }
        }
    }

    private string In(string name) => System.IO.Path.Combine(Path, name);
}

/// <summary>The state directory cannot be trusted or used. The message is for people.</summary>
internal sealed class StateDirectoryException : Exception
{
    public StateDirectoryException(string message)
        : base(message)
    {
    }

    public StateDirectoryException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
