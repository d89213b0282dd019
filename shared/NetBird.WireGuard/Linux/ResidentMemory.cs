using System.Globalization;
using System.Runtime.Versioning;
using Tmds.Linux;

namespace NetBird.WireGuard.Linux;

/// <summary>Gives memory back that only the start of a process needed.</summary>
[SupportedOSPlatform("linux")]
public static class ResidentMemory
{
    // madvise(2), since Linux 5.4: reclaim these pages now. They come back from the file, unchanged, when they are used.
    private const int MadvPageout = 21;

    /// <summary>
    /// Lets the kernel take back the pages of program files (code and constants) that are mapped read only. Nothing is
    /// lost and nothing can fail: on an older kernel, or where the pages are shared with another process, it does nothing.
    /// </summary>
    public static unsafe void ReleaseProgramPages()
    {
        try
        {
            foreach (var line in File.ReadLines("/proc/self/maps"))
            {
                // proc(5): "start-end perms offset dev inode path"
                var fields = line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries);
                if (fields.Length < 6 || fields[1].Contains('w', StringComparison.Ordinal) || fields[4] == "0")
                {
                    continue;
                }

                var dash = fields[0].IndexOf('-', StringComparison.Ordinal);
                var start = ulong.Parse(fields[0].AsSpan(0, dash), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
                var end = ulong.Parse(fields[0].AsSpan(dash + 1), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
                _ = LibC.madvise((void*)start, (size_t)(end - start), MadvPageout);
            }
        }
        catch (IOException)
        {
            // No /proc, no list; then the pages stay.
        }
    }
}
