using System.Text.Json;
using NetBird.Agent.Tests.TestSupport;

namespace NetBird.Agent.Tests;

/// <summary>The commands that only ask, answered by the daemon over a plain socket: the same words and codes as by the parser.</summary>
public sealed class QuickCommandTests
{
    [SkippableFact]
    public async Task StatusJson_WholeNumbers_AreJsonNumbers()
    {
        await using var world = await AgentWorld.StartAsync();
        world.Plane.LoginLifetime = TimeSpan.FromHours(8);
        world.Plane.Budget = new()
        {
            Day = new() { Requests = 3, CostNanoUsd = 4_200_000_001, LastModel = "claude-opus-5-5" },
            Caps = { new Protocol.Budget.V1.Cap { Source = "Engineering", Scope = "user", Unit = "nano_usd", Used = 5_000_000_000, Limit = 100_000_000_000, WindowSeconds = 86400 } },
        };
        await world.UpAsync();

        var status = await world.Agent.StatusAsync();
        var budget = JsonDocument.Parse((await world.Agent.RunAsync("budget", "--json")).Output).RootElement;
        var line = await world.Agent.RunAsync("statusline");
        var usage = await world.Agent.RunAsync("usage");
        await world.Agent.RunAsync("logout");
        var loggedOut = await world.Agent.RunAsync("status");
        var noFigures = await world.Agent.RunAsync("budget");
        var again = await world.Agent.RunAsync("logout");

        Assert.Equal(JsonValueKind.Number, status.GetProperty("login_expires_at").ValueKind);
        Assert.Equal(JsonValueKind.Number, status.GetProperty("gateways")[0].GetProperty("received_bytes").ValueKind);
        Assert.Equal(4_200_000_001, budget.GetProperty("day").GetProperty("cost_nano_usd").GetInt64());
        Assert.Equal(100_000_000_000, budget.GetProperty("caps")[0].GetProperty("limit").GetInt64());
        Assert.Equal("Ada Example · claude-opus-5-5 · $4.20 today · $95.00 of $100.00 left\n", line.Output);
        Assert.Contains("$4.20", usage.Output, StringComparison.Ordinal);

        // What they were told as somebody is not for whoever logs in next.
        Assert.Equal(4, loggedOut.ExitCode);
        Assert.DoesNotContain("Budget:", loggedOut.Output, StringComparison.Ordinal);
        Assert.Equal(4, noFigures.ExitCode);
        Assert.Equal((0, "Nobody is logged in here.\n"), (again.ExitCode, again.Output));
    }

    [SkippableFact]
    public async Task Status_ByTheParserAndWithoutIt_SaysTheSame()
    {
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();

        // "--detail=true" is not the quick form, so the parser takes it.
        var quick = await world.Agent.RunAsync("status", "--detail");
        var parsed = await world.Agent.RunAsync("status", "--detail=true");

        Assert.Equal(0, quick.ExitCode);
        Assert.Equal(Words(parsed.Output), Words(quick.Output));

        // Figures move between two looks.
        static string Words(string text) => new([.. text.Replace("a moment ago", "0 s ago", StringComparison.Ordinal).Where(c => !char.IsAsciiDigit(c))]);
    }

    /// <summary>A status line asks at every prompt: whoever comes while its question is out is told what that brings, not what is old.</summary>
    [SkippableFact]
    public async Task Budget_WhileAnotherAsks_IsOfTheSameAnswer()
    {
        await using var world = await AgentWorld.StartAsync();
        world.Plane.Hangs = true;
        await world.UpAsync();
        world.Plane.Budget = new() { Day = new() { Requests = 3, CostNanoUsd = 4_200_000_001 } };
        var asked = world.Plane.BudgetAsked;
        var hold = world.Plane.BudgetHold = new TaskCompletionSource();
        world.Plane.Hangs = false;

        await world.Agent.RunAsync("statusline");
        await world.Plane.UntilBudgetAskedAsync(asked + 1);
        var budget = world.Agent.RunAsync("usage");
        await Task.WhenAny(budget, Task.Delay(1000));
        hold.SetResult();

        var outcome = await budget;
        Assert.True(outcome.ExitCode == 0, outcome.ToString());
        Assert.Contains("$4.20", outcome.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("statusline > /dev/full", 1)]
    [InlineData("statusline >&-", 1)]
    [InlineData("status 2> /dev/full", 3)]
    [InlineData("status 2>&-", 3)]
    public async Task WhereNothingCanBeWritten_EndsWithACodeAndALineAtMost(string command, int code)
    {
        await using var agent = new AgentProcess();
        var start = new System.Diagnostics.ProcessStartInfo("sh", ["-c", $"'{AgentProcess.Executable}' {command}"]) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        start.Environment["NETBIRD_AGENT_STATE_DIR"] = agent.StateDir;

        var outcome = await AgentProcess.EndAsync(System.Diagnostics.Process.Start(start)!, TimeSpan.FromSeconds(60));

        Assert.Equal(code, outcome.ExitCode);
        Assert.True(outcome.Error.Trim().Split('\n').Length == 1, outcome.Error);
    }

    [Theory]
    [InlineData("status", 3, "netbird-agent up")]
    [InlineData("budget", 3, "netbird-agent up")]
    [InlineData("statusline", 0, "")]
    public async Task NotRunning_SaysSo(string command, int code, string words)
    {
        await using var agent = new AgentProcess();

        var outcome = await agent.RunAsync(command);

        Assert.Equal(code, outcome.ExitCode);
        Assert.Contains(words, outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task UnknownSwitch_IsWrongUsage()
    {
        await using var agent = new AgentProcess();

        var outcome = await agent.RunAsync("status", "--colour");

        Assert.Equal(2, outcome.ExitCode);
        Assert.Contains("--colour", outcome.Error, StringComparison.Ordinal);
    }
}
