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

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!await condition().WaitAsync(limit.Token))
        {
        }
    }
}
