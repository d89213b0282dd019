using System.Diagnostics;
using System.Globalization;
using NetBird.WireGuard.Linux;

namespace KernelGuest;

internal static partial class Checks
{
    /// <summary>Setting a clock needs a machine of one's own, which this one is. Last, since the others are timed.</summary>
    private static async Task<string> ClockSetAsync(CancellationToken stop)
    {
        if (!OperatingSystem.IsLinux())
        {
            throw new PlatformNotSupportedException();
        }

        using var told = new SemaphoreSlim(0);
        using var watch = ClockWatch.TryStart(() => told.Release()) ?? throw new InvalidOperationException("the kernel has no such timer");
        Require(!await told.WaitAsync(TimeSpan.FromSeconds(2), stop), "it told of a jump before there was one");
        var slowest = TimeSpan.Zero;
        foreach (var jump in (TimeSpan[])[TimeSpan.FromDays(1), TimeSpan.FromDays(-2), TimeSpan.FromDays(1)])
        {
            var target = (DateTimeOffset.UtcNow + jump).ToUnixTimeSeconds();
            await RunAsync("/bin/busybox", ["date", "-s", string.Create(CultureInfo.InvariantCulture, $"@{target}")], stop);
            var set = Stopwatch.GetTimestamp();
            Require(await told.WaitAsync(TimeSpan.FromSeconds(10), stop), $"nothing was told of a jump of {jump}");
            slowest = slowest > Stopwatch.GetElapsedTime(set) ? slowest : Stopwatch.GetElapsedTime(set);
        }

        return $"told within {slowest.TotalMilliseconds:0} ms of the command's end";
    }
}
