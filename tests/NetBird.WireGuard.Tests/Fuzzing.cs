namespace NetBird.WireGuard.Tests;

/// <summary>How many cases a fuzz test runs: few in every run, millions with NETBIRD_LONG=1.</summary>
internal static class Fuzzing
{
    public static int Cases { get; } = Environment.GetEnvironmentVariable("NETBIRD_LONG") == "1" ? 10_000_000 : 20_000;
}
