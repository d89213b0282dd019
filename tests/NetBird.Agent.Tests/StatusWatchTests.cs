using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using NetBird.Agent.Tests.TestSupport;

namespace NetBird.Agent.Tests;

/// <summary><c>status --watch</c> follows the daemon: a line for each change in a pipe, one picture in place on a terminal.</summary>
public sealed class StatusWatchTests
{
    [SkippableFact]
    public async Task Watch_InAPipe_PrintsEachChange_AndCtrlCEndsIt()
    {
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();
        using var watch = world.Agent.Start("status", "--watch", "--json");
        var first = await UntilStateAsync(watch, "connected");

        await world.Plane.StopAsync();
        var second = await UntilStateAsync(watch, "degraded");
        Process.Start("kill", ["-INT", watch.Id.ToString(CultureInfo.InvariantCulture)]).WaitForExit();
        await watch.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(20));

        Assert.Equal("", first.GetProperty("reason").GetString());
        Assert.Contains("is not reachable", second.GetProperty("reason").GetString(), StringComparison.Ordinal);
        Assert.Equal(0, watch.ExitCode);
    }

    /// <summary>A script that waits for a state by way of grep or head is not held until the next change.</summary>
    [SkippableFact]
    public async Task Watch_InAPipeThatNobodyReadsAnyMore_Ends()
    {
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();
        var start = new ProcessStartInfo("sh", ["-c", $"'{AgentProcess.Executable}' status --watch --json | grep -m1 -o '\"state\":\"connected\"'"]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["NETBIRD_AGENT_STATE_DIR"] = world.Agent.StateDir;

        var outcome = await AgentProcess.EndAsync(Process.Start(start)!, TimeSpan.FromSeconds(60));

        Assert.Equal((0, "\"state\":\"connected\"\n"), (outcome.ExitCode, outcome.Output));
    }

    /// <summary>An editor's terminal, say, which shows what moves the cursor as it is.</summary>
    [SkippableFact]
    public async Task Status_OnADumbTerminal_HasNoColour()
    {
        Skip.IfNot(File.Exists("/usr/bin/script"), "Debian's bsdutils is not installed");
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();
        var start = new ProcessStartInfo("script", ["-q", "-c", $"exec {AgentProcess.Executable} status --state-dir {world.Agent.StateDir}", "/dev/null"]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["TERM"] = "dumb";
        start.Environment.Remove("NO_COLOR");

        var outcome = await AgentProcess.EndAsync(Process.Start(start)!, TimeSpan.FromSeconds(60));

        Assert.Contains("Agent:          connected,", outcome.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("\e", outcome.Output, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Watch_OnATerminal_DrawsInPlace()
    {
        Skip.IfNot(File.Exists("/usr/bin/script"), "Debian's bsdutils is not installed");
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();
        var start = new ProcessStartInfo("script", ["-q", "-c", $"stty cols 80 rows 24; exec {AgentProcess.Executable} status --watch --state-dir {world.Agent.StateDir}", "/dev/null"])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true,
        };
        using var terminal = Process.Start(start)!;
        var seen = new StringBuilder();
        var buffer = new char[4096];
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (seen.ToString().Split("Ctrl-C ends").Length < 4)
        {
            var read = await terminal.StandardOutput.ReadAsync(buffer, limit.Token);
            Assert.True(read > 0, seen.ToString());
            seen.Append(buffer, 0, read);
        }

        await terminal.StandardInput.WriteAsync("\u0003");
        await terminal.StandardInput.FlushAsync(limit.Token);
        await terminal.WaitForExitAsync(limit.Token);
        var pictures = seen.ToString().Split("\e[H");

        // Each is whole, and none is wider than the terminal.
        Assert.All(pictures[1..^1], picture => Assert.Contains("Endpoint:", picture, StringComparison.Ordinal));
        Assert.All(pictures[1].Split('\n'), line => Assert.True(Plain(line).Length <= 80, line));
    }

    private static string Plain(string line) => System.Text.RegularExpressions.Regex.Replace(line.TrimEnd('\r'), "\e\\[[0-9;]*[A-Za-z]", "");

    private static async Task<JsonElement> UntilStateAsync(Process watch, string state)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (await watch.StandardOutput.ReadLineAsync(limit.Token) is { } line)
        {
            var status = JsonDocument.Parse(line).RootElement;
            if (status.GetProperty("state").GetString() == state)
            {
                return status;
            }
        }

        throw new InvalidOperationException(await watch.StandardError.ReadToEndAsync(limit.Token));
    }
}
