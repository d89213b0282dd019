namespace EndToEnd.Tests.Packages;

/// <summary>The command reference in shared/docs is what the programs themselves print.</summary>
public sealed class ReferenceTests
{
    [Theory]
    [InlineData("netbird-agent", "reference-agent.md")]
    [InlineData("netbird-controlplane", "reference-controlplane.md")]
    public async Task Reference_EqualsWhatTheProgramPrints(string name, string file)
    {
        var program = name == "netbird-agent" ? Checkout.Agent : Checkout.ControlPlane;

        var printed = await Command.RunAsync(program, ["documentation", "markdown"]);

        Assert.True(printed.ExitCode == 0, printed.ToString());
        var kept = await File.ReadAllTextAsync(Path.Combine(Checkout.Root, "shared/docs", file));
        Assert.True(kept == printed.Output, $"shared/docs/{file} is old. Make it anew: {name} documentation markdown > shared/docs/{file}");
    }
}
