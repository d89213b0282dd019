using LiteDB;

namespace NetBird.ControlPlane.Store.LiteDb;

/// <summary>Opens LiteDB files readable by their owner alone.</summary>
internal static class LiteDbFile
{
    /// <exception cref="IOException">Another process holds the file, or it is not a LiteDB file.</exception>
    public static LiteDatabase Open(string path)
    {
        if (!File.Exists(path))
        {
            using var created = CreatePrivate(path);
        }

        try
        {
            return new LiteDatabase(new ConnectionString { Filename = path, Connection = ConnectionType.Direct });
        }
        catch (Exception fault) when (fault is LiteException or IOException or UnauthorizedAccessException)
        {
            throw new IOException(
                $"{path} cannot be opened: {fault.Message} Is another control plane using this state directory?", fault);
        }
    }

    /// <summary>A new file of mode 0600.</summary>
    public static FileStream CreatePrivate(string path)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        return new(path, options);
    }
}
