using System.Collections.Concurrent;
using LiteDB;

namespace NetBird.ControlPlane.Store.LiteDb;

/// <summary>Opens LiteDB files readable by their owner alone, and copies them while they are in use.</summary>
internal static class LiteDbFile
{
    // Bytes. Ours: far more than one transaction of the largest configuration grows file and log by.
    private const long RoomLeft = 8 * 1024 * 1024;

    // What this process has open, for backups: a LiteDB file is consistent only to whoever holds it.
    private static readonly ConcurrentDictionary<string, WeakReference<LiteDatabase>> Opened = new(StringComparer.Ordinal);

    /// <exception cref="IOException">Another process holds the file, or it is not a LiteDB file.</exception>
    public static LiteDatabase Open(string path)
    {
        if (!File.Exists(path))
        {
            using var created = CreatePrivate(path);
        }

        try
        {
            var database = new LiteDatabase(new ConnectionString { Filename = path, Connection = ConnectionType.Direct });
            Opened[Path.GetFullPath(path)] = new(database);
            return database;
        }
        catch (Exception fault) when (fault is LiteException or IOException or UnauthorizedAccessException)
        {
            throw new IOException(
                $"{path} cannot be opened: {fault.Message} Is another control plane using this state directory?", fault);
        }
    }

    /// <summary>
    /// Copies a file that this process may have open, as it is at one moment, with its log beside it. An open transaction
    /// keeps LiteDB from moving pages from the log to the file meanwhile (a checkpoint needs the file to itself); the log
    /// only grows, and what was committed when we began is in the part that is copied.
    /// </summary>
    public static void Copy(string path, string destination)
    {
        var database = Opened.TryGetValue(Path.GetFullPath(path), out var known) && known.TryGetTarget(out var open) ? open : null;
        var held = false;
        try
        {
            try
            {
                held = database?.BeginTrans() ?? false;
            }
            catch (LiteException)
            {
                // Closed since, as a finished migration leaves it: the file is at rest.
                database = null;
            }

            // A transaction takes its lock with its first read.
            database?.GetCollectionNames().Count();
            CopyPart(path, destination);
            var log = LogOf(path);
            if (File.Exists(log))
            {
                CopyPart(log, LogOf(destination));
            }
        }
        finally
        {
            if (held)
            {
                database?.Rollback();
            }
        }
    }

    /// <summary>
    /// Refuses to write where the disk is full. LiteDB's own writer, once it fails for want of room, never wakes whoever
    /// waits for it: so it is not let near the end. Asked before every transaction.
    /// </summary>
    /// <param name="path">The database file.</param>
    /// <param name="bytes">What is about to be written, roughly.</param>
    /// <exception cref="IOException">Less than that and a margin is left; nothing was written.</exception>
    public static void RefuseIfFull(string path, long bytes)
    {
        // Pages go to the log and from there to the file, each 8 KiB however little is on it.
        var needed = RoomLeft + (4 * bytes);
        var free = new DriveInfo(Path.GetDirectoryName(Path.GetFullPath(path)) ?? path).AvailableFreeSpace;
        if (free < needed)
        {
            throw new IOException($"The disk of {path} is full: {free / 1024} KiB are left and {needed / 1024} KiB are needed. Nothing was written; free some space and try again.");
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

    // LiteDB's rule: name-log.ext.
    private static string LogOf(string path)
        => Path.Combine(Path.GetDirectoryName(path) ?? "", Path.GetFileNameWithoutExtension(path) + "-log" + Path.GetExtension(path));

    private static void CopyPart(string path, string destination)
    {
        using var source = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var target = CreatePrivate(destination);
        var left = source.Length;
        var buffer = new byte[128 * 1024];
        int read;
        while (left > 0 && (read = source.Read(buffer, 0, (int)Math.Min(buffer.Length, left))) > 0)
        {
            target.Write(buffer, 0, read);
            left -= read;
        }

        target.Flush(flushToDisk: true);
    }
}
