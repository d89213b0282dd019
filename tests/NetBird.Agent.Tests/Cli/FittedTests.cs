using NetBird.Agent.Cli;

namespace NetBird.Agent.Tests.Cli;

public sealed class FittedTests
{
    [Theory]
    [InlineData("Budget:         $1 of $2", 40, "Budget:         $1 of $2")]
    [InlineData("Budget:         $1.00 in the last 24 hours; $2 left", 40, "Budget:         $1.00 in the last 24\n                hours; $2 left")]
    [InlineData("  [..] $1 of $2 used; frees up in thirty days", 40, "  [..] $1 of $2 used; frees up in thirty\n  days")]
    [InlineData("a sentence that is longer than forty columns", 40, "a sentence that is longer than forty\ncolumns")]
    [InlineData("Tunnel:         \e[33mnothing\e[0m more than what fits", 40, "Tunnel:         \e[33mnothing\e[0m more than what\n                fits")]
    [InlineData("one-word-that-is-much-longer-than-the-terminal-is-wide", 40, "one-word-that-is-much-longer-than-the-terminal-is-wide")]
    public void Fit_LongLine_BreaksBetweenWordsUnderTheValue(string text, int width, string fitted)
        => Assert.Equal(fitted, Fitted.Fit(text, width));
}
