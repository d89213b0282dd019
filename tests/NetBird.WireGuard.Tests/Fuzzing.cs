namespace NetBird.WireGuard.Tests;

/// <summary>How many cases a fuzz test runs: few in every run, millions with NETBIRD_LONG=1.</summary>
internal static class Fuzzing
{
    /// <summary>True in the long run.</summary>
    public static bool IsLong { get; } = Environment.GetEnvironmentVariable("NETBIRD_LONG") == "1";

    public static int Cases { get; } = IsLong ? 10_000_000 : 20_000;
}
