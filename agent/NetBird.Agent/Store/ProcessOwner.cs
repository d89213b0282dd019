using System.Globalization;

namespace NetBird.Agent.Store;

/// <summary>The uid this process acts as.</summary>
internal static class ProcessOwner
{
    /// <summary>Effective uid; 0 where there are none (Windows).</summary>
    public static uint Uid { get; } = Read();

    private static uint Read()
    {
        if (!OperatingSystem.IsLinux())
        {
            return 0;
        }

        // proc(5), /proc/pid/status: "Uid: real effective saved filesystem".
        foreach (var line in File.ReadLines("/proc/self/status"))
        {
            if (line.StartsWith("Uid:", StringComparison.Ordinal))
            {
                return uint.Parse(line.Split('\t')[2], CultureInfo.InvariantCulture);
            }
        }

        throw new InvalidOperationException("/proc/self/status names no uid.");
    }
}
