namespace EndToEnd.Tests.Packages;

/// <summary>What systemd itself thinks of the units that the packages install.</summary>
public sealed class UnitHardeningTests
{
    [SkippableTheory]
    [InlineData("netbird-agent.service")]
    [InlineData("netbird-controlplane.service")]
    public async Task Exposure_IsAtMostThree(string unit)
    {
        Skip.IfNot(File.Exists("/usr/bin/systemd-analyze"), "systemd-analyze is not installed.");

        // Exit code 1 means: over the threshold, which is in tenths.
        var result = await Command.RunAsync("/usr/bin/systemd-analyze",
            ["security", "--offline=true", "--no-pager", "--threshold=30", Path.Combine(Checkout.Root, "installers/linux", unit)]);

        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Contains("Overall exposure level", result.Output, StringComparison.Ordinal);
    }
}
