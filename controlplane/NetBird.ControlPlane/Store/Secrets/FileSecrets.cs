using NetBird.ControlPlane.Store.LiteDb;

namespace NetBird.ControlPlane.Store.Secrets;

/// <summary>
/// Secrets as files of the state directory, each sealed under the <see cref="ClusterKey"/>: folders of mode 0700, files
/// <c>NAME.sealed</c> of mode 0600. The key's own file is the one that lies in clear, wherever the operator keeps it. One
/// process has the directory.
/// </summary>
internal sealed class FileSecrets : ISharedSecrets
{
    private const string Suffix = ".sealed";

    // Written in clear by earlier versions, in the state directory itself and in these folders.
    private static readonly string[] Folders = ["keys", "idp"];
    private static readonly string[] Loose = ["gateway.key", "endpoint-authority.pem"];

    private readonly string _directory;
    private readonly string _keyFile;
    private readonly ClusterKey _key;

    private FileSecrets(string directory, string keyFile, ClusterKey key) => (_directory, _keyFile, _key) = (directory, keyFile, key);

    /// <summary>Opens them; makes the key where there is neither a key nor a sealed file; seals what an earlier version left in clear.</summary>
    /// <param name="stateDirectory">Exists and is ours.</param>
    /// <param name="clusterKey">The key's file; null: <see cref="ClusterKey.FileName"/> in the state directory.</param>
    /// <exception cref="InvalidDataException">The key is missing and something is sealed with it, or its file is damaged.</exception>
    public static FileSecrets Open(string stateDirectory, string? clusterKey)
    {
        var keyFile = clusterKey ?? Path.Combine(stateDirectory, ClusterKey.FileName);
        RefuseWithoutKey(stateDirectory, keyFile);
        var secrets = new FileSecrets(stateDirectory, keyFile, ClusterKey.Read(keyFile) ?? ClusterKey.Create(keyFile));
        secrets.SealWhatLiesInClear();
        return secrets;
    }

    /// <exception cref="InvalidDataException">Files are sealed, and there is no key to them.</exception>
    public static void RefuseWithoutKey(string stateDirectory, string keyFile)
    {
        var usual = Path.Combine(stateDirectory, ClusterKey.FileName);
        if (!File.Exists(keyFile) && Directory.EnumerateFiles(stateDirectory, "*" + Suffix, SearchOption.AllDirectories).Any())
        {
            throw new InvalidDataException(File.Exists(usual)
                ? $"{keyFile} does not exist, and the secrets in {stateDirectory} are sealed with {usual}: move that file there, or leave --cluster-key out."
                : $"{keyFile} does not exist, and the secrets in {stateDirectory} are sealed with it: put it back from where you keep it, or restore a backup.");
        }
    }

    public IReadOnlyList<string> Names(string folder)
        => [.. Folder(folder).EnumerateFiles("*" + Suffix).Select(file => $"{folder}/{file.Name[..^Suffix.Length]}").Order(StringComparer.Ordinal)];

    public byte[]? Find(string name)
    {
        var path = PathOf(name);
        return File.Exists(path)
            ? _key.Open(name, File.ReadAllBytes(path)) ?? throw new InvalidDataException($"{path} does not open with {_keyFile}: it was changed, or sealed with another key. Put the right key back, or restore a backup.")
            : null;
    }

    public byte[] GetOrAdd(string name, Func<byte[]> make)
    {
        if (Find(name) is { } known)
        {
            return known;
        }

        var content = make();
        Put(name, content);
        return content;
    }

    /// <summary>Writes a secret, whole or not at all: half a key would be a damaged one at the next start.</summary>
    public void Put(string name, byte[] content)
    {
        Folder(Path.GetDirectoryName(name) ?? "");
        var path = PathOf(name);
        File.Delete(path + ".new");
        using (var file = LiteDbFile.CreatePrivate(path + ".new"))
        {
            file.Write(_key.Seal(name, content));
            file.Flush(flushToDisk: true);
        }

        File.Move(path + ".new", path, overwrite: true);
    }

    public void Remove(string name) => File.Delete(PathOf(name));

    private string PathOf(string name) => Path.Combine(_directory, name + Suffix);

    private DirectoryInfo Folder(string name)
    {
        var path = Path.Combine(_directory, name);
        return OperatingSystem.IsWindows()
            ? Directory.CreateDirectory(path)
            : Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    /// <summary>The clear file goes when the sealed one is on the disk; killed between, the next start goes on.</summary>
    private void SealWhatLiesInClear()
    {
        var clear = Folders
            .SelectMany(folder => Folder(folder).EnumerateFiles().Select(file => $"{folder}/{file.Name}"))
            .Concat(Loose)
            .Where(name => name != ClusterKey.FileName && !name.EndsWith(Suffix, StringComparison.Ordinal))
            .Where(name => Path.GetFullPath(Path.Combine(_directory, name)) != Path.GetFullPath(_keyFile));
        foreach (var name in clear.ToList())
        {
            var path = Path.Combine(_directory, name);
            if (File.Exists(path) && !name.EndsWith(".new", StringComparison.Ordinal) && Find(name) is null)
            {
                Put(name, File.ReadAllBytes(path));
            }

            File.Delete(path);
        }
    }
}
