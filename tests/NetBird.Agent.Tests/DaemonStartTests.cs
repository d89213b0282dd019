using System.Diagnostics;
using System.Globalization;
using NetBird.Agent.Tests.TestSupport;

namespace NetBird.Agent.Tests;

/// <summary>A daemon is started by whoever needs it first, and none is left over, whoever else comes at that moment.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class DaemonStartTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [SkippableFact]
    public async Task Up_SeveralAtOnce_StartOneDaemon_AndDownLeavesNone()
    {
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();
        for (var round = 0; round < 2; round++)
        {
            var down = await world.Agent.RunAsync("down");
            Assert.True(down.ExitCode == 0, down.ToString());
            await UntilNoneRunsAsync(world.Agent);

            var ups = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => world.Agent.RunAsync("up")));

            Assert.All(ups, up => Assert.True(up.ExitCode == 0, up.ToString()));
            await Task.Delay(500);
            Assert.Single(Daemons(world.Agent));
            Assert.Empty(Directory.GetFiles(world.Agent.StateDir, "start*"));
        }

        await world.Agent.RunAsync("down");
        await UntilNoneRunsAsync(world.Agent);
    }

    [Fact]
    public async Task Down_WhileTheDaemonStarts_EndsIt()
    {
        for (var round = 0; round < 3; round++)
        {
            await using var agent = new AgentProcess();
            using var daemon = agent.Start("service", "run", "--detached");
            while (!File.Exists(LockFile(agent)) || new FileInfo(LockFile(agent)).Length == 0)
            {
                await Task.Delay(1);
            }

            var down = await agent.RunAsync("down");

            Assert.True(down.ExitCode == 0, down.ToString());
            using var limit = new CancellationTokenSource(Patience);
            await daemon.WaitForExitAsync(limit.Token);
            Assert.Equal(0, daemon.ExitCode);
        }
    }

    /// <summary>Whoever is asked for the key and thinks better of it is let go.</summary>
    [Fact]
    public async Task Up_WaitsForTheSetupKey_EndsWithCtrlC()
    {
        await using var agent = new AgentProcess();
        var start = new ProcessStartInfo(AgentProcess.Executable, ["up", "--setup-key", "-", "--management-url", "http://127.0.0.1:9"])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        start.Environment["NETBIRD_AGENT_STATE_DIR"] = agent.StateDir;
        using var up = Process.Start(start)!;

        // SIGINT is taken once the command runs; until then the runtime itself ends by it, which is as good.
        await Task.Delay(1000);
        using var interrupt = Process.Start("kill", ["-INT", up.Id.ToString(CultureInfo.InvariantCulture)]);

        using var limit = new CancellationTokenSource(Patience);
        await up.WaitForExitAsync(limit.Token);
        Assert.NotEqual(0, up.ExitCode);
    }

    [SkippableFact]
    public async Task Daemon_ThatNoCommandComesFor_Ends()
    {
        Skip.IfNot(Environment.GetEnvironmentVariable("NETBIRD_LONG") is "1", "waits for more than a minute: tests/run.sh --long");
        await using var agent = new AgentProcess();
        using var daemon = agent.Start("service", "run", "--detached");
        await agent.UntilStateAsync("logged_out", Patience);

        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        await daemon.WaitForExitAsync(limit.Token);

        Assert.Equal(0, daemon.ExitCode);
        Assert.Contains("did not come", agent.ReadLog(), StringComparison.Ordinal);
    }

    private static async Task UntilNoneRunsAsync(AgentProcess agent)
    {
        for (var watch = Stopwatch.StartNew(); Daemons(agent).Count != 0; await Task.Delay(50))
        {
            Assert.True(watch.Elapsed < Patience, "A daemon is left over.");
        }
    }

    /// <summary>Processes that were started as daemons of this state directory, but for the shell that started them.</summary>
    private static List<int> Daemons(AgentProcess agent) => [.. Directory.GetDirectories("/proc")
        .Select(folder => int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var id) ? id : 0)
        .Where(id => id > 0)
        .Where(id =>
        {
            try
            {
                var words = File.ReadAllText($"/proc/{id}/cmdline").Split('\0');
                return words.Length > 2 && words[0] == AgentProcess.Executable && words[1] == "service" && words.Contains(agent.StateDir);
            }
            catch (IOException)
            {
                return false;
            }
        })];

    /// <summary>Never opened here: to read it is to hold it.</summary>
    private static string LockFile(AgentProcess agent) => Path.Combine(agent.StateDir, "agent.lock");
}
