namespace NetBird.WireGuard.Tests.Linux;

/// <summary>Skips a test, with the reason, where the machine lacks what it needs.</summary>
internal static class Requires
{
    private static int s_names;

    public static void Tunnels()
        => Skip.IfNot(
            OperatingSystem.IsLinux() && Environment.UserName == "root" && File.Exists("/dev/net/tun"), "needs root and /dev/net/tun");

    public static void Tools(params string[] tools)
    {
        foreach (var tool in tools)
        {
            Skip.IfNot(Command.Exists(tool), $"needs {tool}");
        }
    }

    /// <summary>A name for an interface or namespace that no other test, run or program has.</summary>
    public static string Name() => $"eng{Environment.ProcessId % 1_000_000}x{Interlocked.Increment(ref s_names)}";
}
