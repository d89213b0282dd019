using System.Formats.Tar;
using NetBird.ControlPlane.AdminApi;
using NetBird.ControlPlane.Store.LiteDb;
using NetBird.ControlPlane.Tokens;
using Npgsql;

namespace NetBird.ControlPlane.Backups;

/// <summary>
/// The state directory as one tar file, taken while the control plane runs and put back while it does not. It holds every
/// key that the directory holds: whoever has it can be this control plane.
/// </summary>
internal static class StateBackup
{
    private const string Marker = "netbird-controlplane-backup";
    private const string Format = "1\n";
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    // Of a running process alone, or made anew.
    private static readonly HashSet<string> Left = new(StringComparer.Ordinal) { "lock", ServeFile.FileName, FirstToken.FileName + ".new" };

    /// <summary>Writes the backup. The usage journal goes first and its ledger after it: a row on its way between is then in both, and is known.</summary>
    /// <param name="stateDirectory">Whose files.</param>
    /// <param name="database">The shared database, whose tables go in too; null where everything is in the directory.</param>
    /// <param name="destination">Takes the tar file.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task WriteAsync(
        string stateDirectory, NpgsqlDataSource? database, Stream destination, CancellationToken cancellationToken)
    {
        var staging = Directory.CreateTempSubdirectory("netbird-backup-");
        try
        {
            await using var tar = new TarWriter(destination, TarEntryFormat.Pax, leaveOpen: true);
            await AddAsync(tar, Marker, new MemoryStream(System.Text.Encoding.ASCII.GetBytes(Format)), cancellationToken);
            foreach (var file in Files(stateDirectory).OrderBy(file => file.EndsWith(".db", StringComparison.Ordinal)).ThenBy(file => file, StringComparer.Ordinal))
            {
                var name = Path.GetRelativePath(stateDirectory, file).Replace('\\', '/');
                if (file.EndsWith(".db", StringComparison.Ordinal))
                {
                    await AddDatabaseAsync(tar, file, name, staging.FullName, cancellationToken);
                }
                else
                {
                    await AddFileAsync(tar, file, name, cancellationToken);
                }
            }

            if (database is not null)
            {
                await PostgresBackup.WriteAsync(database, staging.FullName, cancellationToken);
                foreach (var table in Directory.GetFiles(staging.FullName).Order(StringComparer.Ordinal))
                {
                    await AddFileAsync(tar, table, $"{PostgresBackup.Folder}/{Path.GetFileName(table)}", cancellationToken);
                }
            }
        }
        finally
        {
            staging.Delete(recursive: true);
        }
    }

    /// <summary>Fills an empty state directory from a backup.</summary>
    /// <exception cref="InvalidDataException">It is no backup, or damaged; nothing was put in place.</exception>
    public static async Task RestoreAsync(Stream source, string stateDirectory, CancellationToken cancellationToken)
    {
        await using var tar = new TarReader(source);
        var first = true;
        while (await ReadAsync(tar, cancellationToken) is { } entry)
        {
            if (first && entry.Name != Marker)
            {
                throw new InvalidDataException("This is no backup of a control plane.");
            }

            if (!first)
            {
                await ExtractAsync(entry, stateDirectory, cancellationToken);
            }

            first = false;
        }

        if (first)
        {
            throw new InvalidDataException("This is no backup of a control plane.");
        }
    }

    private static async Task<TarEntry?> ReadAsync(TarReader tar, CancellationToken cancellationToken)
    {
        try
        {
            return await tar.GetNextEntryAsync(copyData: false, cancellationToken);
        }
        catch (Exception fault) when (fault is FormatException or EndOfStreamException or InvalidDataException)
        {
            throw new InvalidDataException("The backup is damaged or cut short.", fault);
        }
    }

    private static IEnumerable<string> Files(string stateDirectory)
        => Directory.EnumerateFiles(stateDirectory, "*", SearchOption.AllDirectories)
            .Where(file => !Left.Contains(Path.GetRelativePath(stateDirectory, file))
                && !file.EndsWith("-log.db", StringComparison.Ordinal)
                && !file.EndsWith("-tmp.db", StringComparison.Ordinal));

    private static async Task AddDatabaseAsync(
        TarWriter tar, string file, string name, string staging, CancellationToken cancellationToken)
    {
        var copy = Path.Combine(staging, Path.GetFileName(file));
        LiteDbFile.Copy(file, copy);
        foreach (var part in Directory.GetFiles(staging))
        {
            var folder = name.Contains('/', StringComparison.Ordinal) ? name[..(name.LastIndexOf('/') + 1)] : "";
            await AddFileAsync(tar, part, folder + Path.GetFileName(part), cancellationToken);
            File.Delete(part);
        }
    }

    private static async Task AddFileAsync(TarWriter tar, string file, string name, CancellationToken cancellationToken)
    {
        FileStream source;
        try
        {
            source = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        }
        catch (FileNotFoundException)
        {
            // A journal segment that was handed over meanwhile: the ledger, which comes later, has it.
            return;
        }

        // Copied at the length it has now: it may grow while it is read.
        await using (source)
        {
            var temporary = Path.GetTempFileName();
            await using var content = new FileStream(temporary, new FileStreamOptions
            {
                Mode = FileMode.Create, Access = FileAccess.ReadWrite, Options = FileOptions.DeleteOnClose,
            });
            await source.CopyToAsync(content, cancellationToken);
            content.Position = 0;
            await AddAsync(tar, name, content, cancellationToken);
        }
    }

    private static Task AddAsync(TarWriter tar, string name, Stream content, CancellationToken cancellationToken)
        => tar.WriteEntryAsync(new PaxTarEntry(TarEntryType.RegularFile, name) { Mode = OwnerOnly, DataStream = content }, cancellationToken);

    private static async Task ExtractAsync(TarEntry entry, string stateDirectory, CancellationToken cancellationToken)
    {
        // A name decides where bytes go: nothing leaves the directory, nothing but plain files comes in.
        var path = Path.GetFullPath(Path.Combine(stateDirectory, entry.Name));
        if (entry.EntryType != TarEntryType.RegularFile
            || !path.StartsWith(Path.GetFullPath(stateDirectory) + Path.DirectorySeparatorChar, StringComparison.Ordinal))
        {
            throw new InvalidDataException("The backup holds something that is no part of a state directory.");
        }

        var folder = Path.GetDirectoryName(path) ?? stateDirectory;
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
        }
        else
        {
            Directory.CreateDirectory(folder, OwnerOnly | UnixFileMode.UserExecute);
        }

        await using var file = LiteDbFile.CreatePrivate(path);
        if (entry.DataStream is { } content)
        {
            await content.CopyToAsync(file, cancellationToken);
        }

        if (file.Length != entry.Length)
        {
            throw new InvalidDataException("The backup is cut short.");
        }

        file.Flush(flushToDisk: true);
    }
}
