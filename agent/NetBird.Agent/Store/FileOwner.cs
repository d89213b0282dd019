using System.Formats.Tar;

namespace NetBird.Agent.Store;

/// <summary>
/// Who owns a file, and of what kind it is. .NET has no call for it and this project may not declare imports; writing a tar header for
/// the path makes the runtime lstat it, and the header carries both. Only for small files and folders.
/// </summary>
internal static class FileOwner
{
    /// <summary>The owner's uid; null on Windows or when the path cannot be read.</summary>
    public static uint? Of(string path) => HeaderOf(path) is { } entry ? (uint)entry.Uid : null;

    /// <summary>Whether it is a pipe or a device, which are neither read to an end nor replaced.</summary>
    public static bool IsSpecial(string path) => HeaderOf(path)?.EntryType is TarEntryType.Fifo or TarEntryType.CharacterDevice or TarEntryType.BlockDevice;

    private static TarEntry? HeaderOf(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            return null;
        }

        try
        {
            using var header = new MemoryStream();
            using (var writer = new TarWriter(header, TarEntryFormat.Pax, leaveOpen: true))
            {
                writer.WriteEntry(path, "entry");
            }

            header.Position = 0;
            using var reader = new TarReader(header);
            return reader.GetNextEntry();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
