using System.Globalization;
using System.Runtime.Versioning;
using NetBird.Agent.DaemonApi;

namespace NetBird.Agent.Store;

/// <summary>
/// The folder that holds everything the agent keeps: mode 0700, its files 0600, nothing reached through a link
/// that somebody else could have planted.
/// </summary>
internal sealed class StateDirectory
{
    /// <summary>Longest path a unix socket may have before its closing zero: sockaddr_un of unix(7), and of macOS' sys/un.h.</summary>
    private static readonly int s_longestSocketPath = OperatingSystem.IsMacOS() ? 103 : 107;

    /// <summary>The folders of the system's service, as its unit makes them.</summary>
    private static readonly string ServicePath = OperatingSystem.IsWindows() ? InProgramData("state") : "/var/lib/netbird-agent";
    private static readonly string ServiceSockets = OperatingSystem.IsWindows() ? InProgramData("public") : "/run/netbird-agent";

    /// <summary>Whom the service serves: a uid as text, no secret.</summary>
    private const string OwnerFile = "owner";

    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const UnixFileMode OthersRead = UnixFileMode.GroupRead | UnixFileMode.OtherRead;
    private const UnixFileMode OthersWrite = UnixFileMode.GroupWrite | UnixFileMode.OtherWrite;

    private StateDirectory(string path, string sockets) => (Path, SocketPath) = (path, sockets);

    public string Path { get; }

    /// <summary>
    /// Where the sockets are: here, or in a folder that the person can enter whom a service of the system serves.
    /// </summary>
    public string SocketPath { get; }

    private bool SocketsAreApart => SocketPath != Path;

    public string DatabaseFile => In("agent.db");

    /// <summary>Room for one more copy of <see cref="DatabaseFile"/>; holds nothing.</summary>
    public string ReserveFile => In("agent.db.reserve");

    public string PrivateKeyFile => In("private.key");

    public string LockFile => In("agent.lock");

    public string LogFile => In("agent.log");

    /// <summary>Where the CLI finds the daemon.</summary>
    public string DaemonSocket => Socket("daemon.sock");

    /// <summary>The local endpoint as a unix socket.</summary>
    public string EndpointSocket => Socket("endpoint.sock");

    /// <summary>Plain text per connection, for the commands that have no time to load a gRPC client.</summary>
    public string QuickSocket => Socket("quick.sock");

    /// <summary>Key, certificate and authority of the https form.</summary>
    public string EndpointCertificateFile => In("endpoint-certificate.pem");

    /// <summary>The authority that signs the https form of the endpoint; public.</summary>
    public string AuthorityFile => Socket("endpoint-ca.pem");

    /// <summary>The default of contracts.md: the system's folder for root, the person's own otherwise.</summary>
    public static string DefaultPath()
    {
        if (OperatingSystem.IsWindows())
        {
            return ProcessOwner.Account.IsSystem ? ServicePath : System.IO.Path.Combine(
                Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData), "netbird-agent");
        }

        if (Environment.IsPrivilegedProcess)
        {
            return ServicePath;
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
    /// <param name="path">Null for the default; then, for a person without an agent of their own, the system's service.</param>
    /// <param name="profile">A named set of state inside; null for the one that was chosen where no folder is named either.</param>
    /// <param name="sockets">Where the sockets are, when not in their usual place.</param>
    public static StateDirectory At(string? path, string? profile = null, string? sockets = null)
    {
        var own = System.IO.Path.GetFullPath(string.IsNullOrEmpty(path) ? DefaultPath() : path);
        if ((string.IsNullOrEmpty(profile) ? string.IsNullOrEmpty(path) ? Profiles.Chosen(own) : null : profile) is { } named)
        {
            (own, profile) = (Profiles.PathOf(own, named), named);
        }

        if (!string.IsNullOrEmpty(sockets))
        {
            return new(own, System.IO.Path.GetFullPath(sockets));
        }

        var state = new StateDirectory(own, own == ServicePath ? ServiceSockets : own);
        if (!string.IsNullOrEmpty(path) || !string.IsNullOrEmpty(profile) || state.HasDaemon)
        {
            return state;
        }

        // An administrator's prompt on Windows is of the person's own account, and root's default elsewhere is the service already.
        var service = new StateDirectory(ServicePath, ServiceSockets);
        return service.PublishedOwner is { } owner && (owner == ProcessOwner.Account || (OperatingSystem.IsWindows() && Environment.IsPrivilegedProcess)) ? service : state;
    }

    /// <summary>Says beside the sockets whom the service serves, so that everybody else's commands leave it alone.</summary>
    public void PublishOwner(AccountId owner)
    {
        if (SocketsAreApart)
        {
            Publish(Socket(OwnerFile), System.Text.Encoding.ASCII.GetBytes(owner.Text));
        }
    }

    /// <summary>Whether there is something to ask; not whether it answers.</summary>
    private bool HasDaemon => OperatingSystem.IsWindows() ? LocalPipe.Exists(DaemonSocket) : File.Exists(DaemonSocket);

    private static string InProgramData(string name)
        => System.IO.Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.CommonApplicationData), "NetBird.Agent", name);

    /// <summary>Whether the machine's service can be asked and has said whom it serves.</summary>
    public static bool ServiceAnswers => ServiceWords.All(File.Exists);

    private static IEnumerable<string> ServiceWords
    {
        get
        {
            var service = new StateDirectory(ServicePath, ServiceSockets);
            return [service.DaemonSocket, service.Socket(OwnerFile)];
        }
    }

    /// <summary>Before the service is started anew: the folder of its sockets outlives it.</summary>
    public static void ForgetService()
    {
        foreach (var file in ServiceWords.Where(File.Exists))
        {
            File.Delete(file);
        }
    }

    /// <summary>Whom the machine's service serves; null where there is none, or it has not said.</summary>
    public static AccountId? ServiceOwner => new StateDirectory(ServicePath, ServiceSockets).PublishedOwner;

    private AccountId? PublishedOwner
    {
        get
        {
            try
            {
                return HasDaemon ? AccountId.TryParse(File.ReadAllText(Socket(OwnerFile))) : null;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return null;
            }
        }
    }

    /// <summary>
    /// Gives a socket of ours its mode: the owner's alone, or, where the sockets are apart, everybody's, since whom a
    /// service serves is then decided by the caller's credentials alone.
    /// </summary>
    public void OpenSocket(string socket)
    {
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(socket, (Private & ~UnixFileMode.UserExecute) | (SocketsAreApart ? OthersRead | OthersWrite : 0));
        }
    }

    /// <summary>Writes a file that is no secret, for whoever may use the sockets.</summary>
    public void Publish(string file, ReadOnlySpan<byte> content)
    {
        PrivateFile.Replace(file, content);
        if (SocketsAreApart && !OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | OthersRead);
        }
    }

    /// <summary>Makes the folder, or checks the one that is there.</summary>
    /// <exception cref="StateDirectoryException">It is a link, somebody else's, or open to others.</exception>
    public void Prepare()
    {
        if (OperatingSystem.IsWindows())
        {
            if (SocketsAreApart)
            {
                WindowsFolder.Prepare(System.IO.Path.GetDirectoryName(SocketPath)!, othersRead: true); // a folder in a folder
                WindowsFolder.Prepare(SocketPath, othersRead: true);
            }

            WindowsFolder.Prepare(Path, othersRead: false);
            return;
        }

        if (System.Text.Encoding.UTF8.GetByteCount(EndpointSocket) > s_longestSocketPath)
        {
            throw new StateDirectoryException(string.Create(CultureInfo.InvariantCulture,
                $"The path is too long for the sockets in it (limit {s_longestSocketPath} bytes): {SocketPath}. Choose a shorter --state-dir."));
        }

        if (SocketsAreApart)
        {
            PrepareSockets();
        }

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

    /// <summary>A folder that others may enter and only we may change.</summary>
    [UnsupportedOSPlatform("windows")]
    private void PrepareSockets()
    {
        const UnixFileMode Open = Private | OthersRead | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
        var folder = new DirectoryInfo(SocketPath);
        try
        {
            if (folder.LinkTarget is null && !folder.Exists)
            {
                Directory.CreateDirectory(SocketPath, Open);
            }

            if (folder.LinkTarget is not null || FileOwner.Of(SocketPath) is not { } owner || owner != ProcessOwner.Uid)
            {
                throw new StateDirectoryException($"{SocketPath} is a link or belongs to somebody else; the sockets go only into a folder of this account.");
            }

            File.SetUnixFileMode(SocketPath, Open);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StateDirectoryException($"The folder for the sockets, {SocketPath}, cannot be used: {e.Message}", e);
        }
    }

    private string Socket(string name) => System.IO.Path.Combine(SocketPath, name);

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
