namespace EndToEnd.Tests;

/// <summary>
/// What carries the tunnel at each end, where a test does not say: the suite is run again with other answers by
/// <c>tests/run.sh --long</c>.
/// </summary>
internal static class Modes
{
    /// <summary>--tunnel of agents.</summary>
    public static string Agent { get; } = Of("NETBIRD_TEST_AGENT_TUNNEL");

    /// <summary>--tunnel of the control plane.</summary>
    public static string Gateway { get; } = Of("NETBIRD_TEST_GATEWAY_TUNNEL");

    private static string Of(string variable) => Environment.GetEnvironmentVariable(variable) is { Length: > 0 } mode ? mode : "auto";
}
