using CsCheck;

namespace NetBird.Gateway.Tests;

/// <summary>How much a random test does: a little in every run, a lot with NETBIRD_LONG=1.</summary>
internal static class Fuzzing
{
    public static bool Long { get; } = Environment.GetEnvironmentVariable("NETBIRD_LONG") == "1";

    public static int Iterations(int shortRun) => Long ? shortRun * 500 : shortRun;

    public static Gen<string> OneOf(params string[] pieces) => Gen.Int[0, pieces.Length - 1].Select(i => pieces[i]);
}
