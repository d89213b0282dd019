using NetBird.Agent.DaemonApi;
using NetBird.Protocol.Agent.V1;
using NetBird.Protocol.Budget.V1;

namespace NetBird.Agent.Tests;

public sealed class StatusLineTests
{
    [Theory]
    [InlineData(0, null)]
    [InlineData(499, null)]
    [InlineData(500, "50% of \"Engineering\" used")]
    [InlineData(799, "79% of \"Engineering\" used")]
    [InlineData(800, "warning: 80% of \"Engineering\" used")]
    [InlineData(949, "warning: 94% of \"Engineering\" used")]
    [InlineData(950, "nearly at the limit: 95% of \"Engineering\" used")]
    [InlineData(1_250, "nearly at the limit: 125% of \"Engineering\" used")]
    public void Compose_ThresholdOfACapPassed_Warns(long used, string? warning)
    {
        var figures = new GetBudgetReply
        {
            Caps =
            {
                new Cap { Source = "Roomy", Unit = "tokens", Used = 5_000, Limit = 1_000_000 },
                new Cap { Source = "Engineering", Unit = "tokens", Used = used, Reserved = 700, Limit = 1_000 },
                new Cap { Source = "Nothing", Unit = "tokens", Used = 9, Limit = 0 },
            },
        };

        var parts = StatusLine.Compose("Ada", figures).Split(" · ");

        Assert.Equal(warning is null ? 2 : 3, parts.Length);
        Assert.EndsWith("of 1,000 tokens left", parts[1], StringComparison.Ordinal);
        Assert.Equal(warning ?? parts[1], parts[^1]);
    }

    [Fact]
    public void Compose_NoCaps_WarnsOfNothing() => Assert.Equal("Ada", StatusLine.Compose("Ada", new()));
}
