using System.Diagnostics;
using NetBird.Agent.Tests.TestSupport;

namespace NetBird.Agent.Tests;

/// <summary>A machine without a person: its service enrols with the key that was put there, however late the rest comes.</summary>
public sealed class MachineEnrolmentTests
{
    [SkippableFact]
    public async Task Service_WithAKeyThatIsRefusedAtFirst_EnrolsOnceThereIsARightOne()
    {
        await using var world = await AgentWorld.StartAsync();
        var file = Path.Combine(world.Agent.Root, "setup-key");
        await File.WriteAllTextAsync(file, "wrong\n");
        using var run = world.Agent.Start("service", "run", "--setup-key-file", file, "--management-url", world.Plane.Url);
        await UntilAsync(async () => await run.StandardError.ReadLineAsync() is { } line && line.Contains("This setup key is not known.", StringComparison.Ordinal));

        await File.WriteAllTextAsync(file, world.Plane.SetupKey + "\n");
        await world.Agent.UntilStateAsync("connected", TimeSpan.FromSeconds(60));

        Assert.Single(world.Plane.Peers);
        using var client = world.Client();
        Assert.Equal("hello", await client.GetStringAsync("/v1/models"));
        var down = await world.Agent.RunAsync("down");
        Assert.True(down.ExitCode == 0 && !run.HasExited, "a service stays: " + down);
        await HostileTests.EndAsync(run);
    }

    [Fact]
    public async Task Service_WithoutTheFile_WaitsForAPerson()
    {
        await using var agent = new AgentProcess();
        using var run = agent.Start("service", "run", "--setup-key-file", Path.Combine(agent.Root, "none"), "--management-url", "https://netbird.example.com");

        await agent.UntilStateAsync("logged_out", TimeSpan.FromSeconds(60));

        Assert.False(run.HasExited);
        await HostileTests.EndAsync(run);
    }

    /// <summary>A key that comes by a pipe whose writer never comes, say from a secret store that is not reached.</summary>
    [Fact]
    public async Task Up_WithAKeyFileThatNobodyWrites_EndsWhenAsked()
    {
        await using var agent = new AgentProcess();
        var pipe = Path.Combine(agent.Root, "key");
        using (var make = Process.Start("mkfifo", [pipe]))
        {
            await make.WaitForExitAsync();
        }

        using var up = agent.Start("up", "--management-url", "https://netbird.example.com", "--setup-key-file", pipe);
        await UntilAsync(async () =>
        {
            // A thread of it waits in open(2). Linux 6.8, fs/pipe.c.
            await Task.Delay(20);
            return Directory.GetDirectories($"/proc/{up.Id}/task").Any(thread => ReadOrNothing(thread + "/wchan").Contains("wait_for_partner", StringComparison.Ordinal))
                || up.TotalProcessorTime > TimeSpan.FromSeconds(3) || DateTime.Now - up.StartTime > TimeSpan.FromSeconds(10);
        });
        using (var kill = Process.Start("kill", ["-TERM", up.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]))
        {
            await kill.WaitForExitAsync();
        }

        var outcome = await AgentProcess.EndAsync(up, TimeSpan.FromSeconds(30));

        Assert.NotEqual(0, outcome.ExitCode);
        Assert.False(Directory.Exists(agent.StateDir), "no agent was started");
    }

    /// <summary>A build's secret that is not set: nobody is there to follow a login link instead.</summary>
    [Theory]
    [InlineData("--setup-key", "-")]
    [InlineData("--setup-key", "")]
    [InlineData("--setup-key-file", "/dev/null")]
    public async Task Up_WithAnEmptyKey_SaysSo(string option, string value)
    {
        await using var agent = new AgentProcess();

        var outcome = await agent.RunWithAsync("\n", "up", "--management-url", "http://127.0.0.1:1", option, value);

        Assert.Equal((2, "The setup key is empty.\n"), (outcome.ExitCode, outcome.Error));
        Assert.False(Directory.Exists(agent.StateDir), "no agent was started");
    }

    private static string ReadOrNothing(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (IOException)
        {
            return ""; // The thread has ended.
        }
    }

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!await condition().WaitAsync(limit.Token))
        {
        }
    }
}
