using NetBird.Agent.Cli;
using NetBird.Protocol.Budget.V1;
using NetBird.Protocol.Daemon.V1;

namespace NetBird.Agent.Tests.Cli;

public sealed class BudgetTextTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 5, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(5, false)]
    [InlineData(300, true)]
    public void Figures_ThatAreOld_SayHowOld(int ageSeconds, bool said)
    {
        var budget = new BudgetReply { AsOf = (Noon - TimeSpan.FromSeconds(ageSeconds)).ToUnixTimeSeconds(), Day = new Spend { CostNanoUsd = 1_000_000_000 } };

        foreach (var text in new[] { BudgetText.Caps(budget, Noon), BudgetText.Usage(budget, Noon), BudgetText.Brief(budget, Noon) })
        {
            Assert.Equal(said, text.Contains("s told 5 min ago", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Brief_LimitThatOnlyWarns_IsNotTakenForTheTightest()
    {
        var budget = new BudgetReply
        {
            Caps =
            {
                new Cap { Source = "Warns", Scope = "user", Unit = "tokens", Used = 99, Limit = 100, WindowSeconds = 60, Soft = true },
                new Cap { Source = "Stops", Scope = "user", Unit = "tokens", Used = 10, Limit = 100, WindowSeconds = 60 },
            },
        };

        Assert.Contains("90 tokens of 100 tokens left", BudgetText.Brief(budget, Noon), StringComparison.Ordinal);
        Assert.Contains("Warns (you, last 60 seconds, warns only)", BudgetText.Caps(budget, Noon), StringComparison.Ordinal);
    }
}
