using System.Globalization;
using System.Runtime.Versioning;
using NetBird.WireGuard.Linux;

namespace NetBird.WireGuard.Tests.Linux;

[SupportedOSPlatform("linux")]
public sealed class ResidentMemoryTests
{
    [SkippableFact]
    public void Release_TheSecondLook_LetsGoOfFilePages_AndEverythingStillRuns()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "Linux's /proc and madvise");
        var memory = new ResidentMemory();
        var first = memory.ReleaseProgramPages();
        var before = FileResidentKib();

        var second = memory.ReleaseProgramPages();
        var after = FileResidentKib();

        Assert.Equal(0, first);
        Assert.True(second > 1024 * 1024, $"{second} bytes");
        Assert.True(after < before, $"{before} KiB before, {after} KiB after");

        // Code and constants that were let go of come back as they were.
        Assert.Equal("3.1416", Math.PI.ToString("0.0000", CultureInfo.InvariantCulture));
        Assert.Equal(55, Enumerable.Range(1, 10).Sum());
    }

    private static long FileResidentKib()
        => long.Parse(
            File.ReadLines("/proc/self/status").First(line => line.StartsWith("RssFile:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
            CultureInfo.InvariantCulture);
}
