using NetBird.ControlPlane.Store.LiteDb;

namespace NetBird.ControlPlane.Store.Secrets;

/// <summary>Secrets as files of the state directory: folders of mode 0700, files of mode 0600. One process has the directory.</summary>
internal sealed class FileSecrets(string stateDirectory) : ISharedSecrets
{
    public IReadOnlyList<string> Names(string folder)
        => [.. Folder(folder).EnumerateFiles().Where(file => file.Extension != ".new").Select(file => $"{folder}/{file.Name}").Order(StringComparer.Ordinal)];

    public byte[]? Find(string name)
    {
        var path = Path.Combine(stateDirectory, name);
        return File.Exists(path) ? File.ReadAllBytes(path) : null;
    }

    public byte[] GetOrAdd(string name, Func<byte[]> make)
    {
        if (Find(name) is { } known)
        {
            return known;
        }

        var content = make();
        var path = Path.Combine(Folder(name[..name.LastIndexOf('/')]).FullName, Path.GetFileName(name));

        // Whole or not at all: half a key would be a damaged one at the next start.
        File.Delete(path + ".new");
        using (var file = LiteDbFile.CreatePrivate(path + ".new"))
        {
            file.Write(content);
            file.Flush(flushToDisk: true);
        }

        File.Move(path + ".new", path);
        return content;
    }

    public void Remove(string name) => File.Delete(Path.Combine(stateDirectory, name));

    private DirectoryInfo Folder(string name)
    {
        var path = Path.Combine(stateDirectory, name);
        return OperatingSystem.IsWindows()
            ? Directory.CreateDirectory(path)
            : Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
