using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Tmds.Linux;

namespace NetBird.WireGuard.Linux;

/// <summary>
/// Gives memory back that only the start of a process needed: code and constants of program files. They come back from
/// the page cache, unchanged, one by one, when they are used.
/// </summary>
/// <remarks>
/// By MADV_DONTNEED, which also lets go of pages that other processes map (MADV_PAGEOUT leaves those alone). It would
/// throw away what was written to a private mapping, so only mappings are taken that cannot be written, hold no page of
/// our own (proc(5), smaps: <c>Anonymous: 0 kB</c>), and were there at the look before: a loader writes relocations into
/// what it is loading at this moment, and never into what it loaded.
/// </remarks>
[SupportedOSPlatform("linux")]
public sealed partial class ResidentMemory
{
    // madvise(2), the same on every architecture.
    private const int MadvDontneed = 4;

    private HashSet<string> _seen = [];

    /// <summary>Gives back what was allocated outside the collector's heap and freed since, wherever it lies (malloc_trim(3)).</summary>
    public static void ReleaseFreedBlocks()
    {
        try
        {
            _ = TrimHeap(0);
        }
        catch (EntryPointNotFoundException)
        {
            // glibc's alone; musl gives back by itself.
        }
    }

    /// <summary>Looks, and releases what was already there at the last look. Not for several threads at once.</summary>
    /// <returns>Bytes of address space that were let go of; zero at the first look and where /proc cannot be read.</returns>
    public unsafe long ReleaseProgramPages()
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var released = 0L;
        try
        {
            string? mapping = null;
            foreach (var line in File.ReadLines("/proc/self/smaps"))
            {
                if (line.Length > 0 && char.IsAsciiHexDigitLower(line[0]))
                {
                    mapping = IsProgramFile(line) ? line : null;
                }
                else if (mapping is not null && line.StartsWith("Anonymous:", StringComparison.Ordinal))
                {
                    if (line.EndsWith(" 0 kB", StringComparison.Ordinal) && seen.Add(mapping) && _seen.Contains(mapping))
                    {
                        var (start, length) = RangeOf(mapping);
                        released += LibC.madvise((void*)start, (size_t)length, MadvDontneed) == 0 ? (long)length : 0;
                    }

                    mapping = null;
                }
            }
        }
        catch (IOException)
        {
            // No /proc, no list; then the pages stay.
        }

        _seen = seen;
        return released;
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int TrimHeap(nuint keptAtTheTop);

    /// <summary>proc(5): "start-end perms offset dev inode path"; a file, private, and not writable.</summary>
    private static bool IsProgramFile(string line)
    {
        var fields = line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries);
        return fields.Length == 6 && fields[1] is "r--p" or "r-xp" && fields[4] != "0";
    }

    private static (ulong Start, ulong Length) RangeOf(string line)
    {
        var dash = line.IndexOf('-', StringComparison.Ordinal);
        var blank = line.IndexOf(' ', StringComparison.Ordinal);
        var start = ulong.Parse(line.AsSpan(0, dash), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
        var end = ulong.Parse(line.AsSpan(dash + 1, blank - dash - 1), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
        return (start, end - start);
    }
}
