using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using NetBird.Agent.Tests.TestSupport;

namespace NetBird.Agent.Tests;

/// <summary>A disk that is full, damaged, read only or used by another: the tunnel goes on, or the words say what to mend.</summary>
public sealed class StorageFaultTests
{
    [SkippableFact]
    public async Task StateFileDamaged_IsSetAside_AndALoginMendsIt()
    {
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();
        await world.Agent.RunAsync("down");
        var database = Path.Combine(world.Agent.StateDir, "agent.db");
        var bytes = await File.ReadAllBytesAsync(database);
        new Random(7).NextBytes(bytes.AsSpan(64));
        await File.WriteAllBytesAsync(database, bytes);

        var watch = Stopwatch.StartNew();
        var up = await world.UpAsync();
        FaultTable.Report("state file damaged, connected by up", watch.Elapsed);

        Assert.True(up.ExitCode == 0, up.ToString() + world.Agent.ReadLog());
        Assert.Single(Directory.GetFiles(world.Agent.StateDir, "agent.db.damaged-*"));
    }

    [SkippableFact]
    public async Task SecondDaemon_SameState_IsRefused()
    {
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();

        var watch = Stopwatch.StartNew();
        var second = await world.Agent.RunAsync("service", "run");
        FaultTable.Report("second daemon, said", watch.Elapsed);

        Assert.Equal(1, second.ExitCode);
        Assert.Contains("already runs", second.Error, StringComparison.Ordinal);
        Assert.Equal("connected", (await world.Agent.StatusAsync()).GetProperty("state").GetString());
    }

    [SkippableFact]
    public async Task StateReadOnly_SaysSo()
    {
        Skip.IfNot(Environment.IsPrivilegedProcess, "needs root to mount");
        await using var agent = new AgentProcess();
        Directory.CreateDirectory(agent.StateDir);
        Process.Start("mount", ["-t", "tmpfs", "-o", "ro,mode=700", "tmpfs", agent.StateDir]).WaitForExit();
        try
        {
            var watch = Stopwatch.StartNew();
            var outcome = await agent.RunAsync("up", "--setup-key", "x", "--management-url", "http://127.0.0.1:1");
            FaultTable.Report("state read only, said", watch.Elapsed);

            Assert.Equal(1, outcome.ExitCode);
            Assert.Contains(agent.StateDir, outcome.Error, StringComparison.Ordinal);
        }
        finally
        {
            Process.Start("umount", [agent.StateDir]).WaitForExit();
        }
    }

    /// <summary>The home turns read only under the running daemon, as a disk with errors does.</summary>
    [SkippableFact]
    public async Task HomeTurnsReadOnly_TunnelKeepsCarrying_AndWhatCannotBeWrittenIsSaid()
    {
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();
        using var client = world.Client();
        Skip.IfNot(await ChangeAsync("+i") == 0, "this file system has no immutable folders");
        try
        {
            var passes = await client.GetStringAsync("/v1/models");
            var setup = await world.Agent.RunAsync("claude", "setup");
            var login = await world.Agent.RunWithAsync(world.Plane.SetupKey + "\n", "login", "--setup-key", "-");
            var said = await world.Agent.StatusAsync();
            var passesStill = await client.GetStringAsync("/v1/models");
            await ChangeAsync("-i");
            FaultTable.Report("home read only, then not: state written", await UntilReasonIsGoneAsync(world.Agent));

            Assert.Equal("hello", passes);
            Assert.Equal("hello", passesStill);
            Assert.NotEqual(0, setup.ExitCode);
            Assert.Contains(".claude", setup.Error, StringComparison.Ordinal);
            Assert.True(login.ExitCode == 0, login.ToString());
            Assert.Contains("cannot be written", said.GetProperty("reason").GetString(), StringComparison.Ordinal);
        }
        finally
        {
            await ChangeAsync("-i");
        }

        async Task<int> ChangeAsync(string how)
        {
            using var change = Process.Start("chattr", [how, world.Agent.Root, world.Agent.StateDir]);
            await change.WaitForExitAsync();
            return change.ExitCode;
        }
    }

    [SkippableFact]
    public async Task DiskFull_TunnelKeepsCarrying()
    {
        await using var world = await AgentWorld.StartAsync();
        Directory.CreateDirectory(world.Agent.StateDir);
        Process.Start("mount", ["-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", world.Agent.StateDir]).WaitForExit();
        try
        {
            await world.UpAsync();
            using var client = world.Client();
            Fill("fill");

            // Room for one copy is held, so that a refresh token that was just replaced is not lost: not once, and not the second time.
            var database = Path.Combine(world.Agent.StateDir, "agent.db");
            var kept = new List<Outcome>();
            var written = new HashSet<string>();
            for (var i = 0; i < 3; i++)
            {
                kept.Add(await world.Agent.RunWithAsync(
                    world.Plane.SetupKey + "\n", "login", "--setup-key", "-", "--https-endpoint", string.Create(CultureInfo.InvariantCulture, $"127.0.87.9{i}:8799")));
                written.Add(Convert.ToHexString(SHA256.HashData(await File.ReadAllBytesAsync(database))));
                Fill(string.Create(CultureInfo.InvariantCulture, $"more{i}"));
            }

            // Then somebody takes that room too.
            File.Delete(database + ".reserve");
            Fill("all");

            var watch = Stopwatch.StartNew();
            var refused = await world.Agent.RunAsync("login", "--setup-key", "wrong");
            var login = await world.Agent.RunWithAsync(world.Plane.SetupKey + "\n", "login", "--setup-key", "-");
            FaultTable.Report("two logins on a full disk", watch.Elapsed);
            var passes = await client.GetStringAsync("/v1/models");
            var full = await world.Agent.StatusAsync();
            foreach (var file in (string[])["fill", "more0", "more1", "more2", "all"])
            {
                File.Delete(Path.Combine(world.Agent.StateDir, file));
            }

            FaultTable.Report("room on the disk again, state written", await UntilReasonIsGoneAsync(world.Agent));
            var down = await world.Agent.RunAsync("down");
            var up = await world.Agent.RunAsync("up");

            Assert.Equal("hello", passes);
            Assert.All(kept, login => Assert.True(login.ExitCode == 0 && !login.Error.Contains("cannot be written", StringComparison.Ordinal), login.ToString()));
            Assert.Equal(3, written.Count);
            Assert.True(refused.ExitCode == 4, refused.ToString());
            Assert.True(login.ExitCode == 0, login.ToString());
            Assert.Contains("cannot be written", login.Error, StringComparison.Ordinal);
            Assert.Contains("cannot be written", full.GetProperty("reason").GetString(), StringComparison.Ordinal);
            Assert.Equal(0, down.ExitCode);
            Assert.True(up.ExitCode == 0, up.ToString());
        }
        finally
        {
            // Before its folder goes, since no command finds it afterwards.
            await world.Agent.RunAsync("down");
            Process.Start("umount", ["-l", world.Agent.StateDir]).WaitForExit();
        }

        void Fill(string name) => Process.Start("sh", ["-c", $"cat /dev/zero > {world.Agent.StateDir}/{name} 2>/dev/null"]).WaitForExit();
    }

    private static async Task<TimeSpan> UntilReasonIsGoneAsync(AgentProcess agent)
    {
        var watch = Stopwatch.StartNew();
        while ((await agent.StatusAsync()).GetProperty("reason").GetString() is { Length: > 0 } reason)
        {
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(40), reason);
            await Task.Delay(500);
        }

        return watch.Elapsed;
    }
}
